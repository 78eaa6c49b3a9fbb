"""Every figure that the notebooks and the demo draw, from plain arrays.

Each function returns a matplotlib Figure: a notebook shows it as the value of a cell, ``figure.savefig("name.png")``
writes it to a file, and where windows exist ``plt.show()`` opens it. Functions that draw a single axes take an `ax` of
your own. Your ``matplotlib.rcParams`` stay as they are. Matplotlib is loaded by the first figure, not by this import.
"""

from minitx.plot.ablations import draw_ablation, draw_seeds
from minitx.plot.architecture import draw_encoder_decoder
from minitx.plot.assignment import draw_assignment_steps, draw_assignments
from minitx.plot.attention import (
    draw_attention,
    draw_attention_distances,
    draw_attention_heads,
    draw_attention_rollout,
    draw_class_attention,
    draw_influence,
)
from minitx.plot.boxes import draw_anchors, draw_overlap_fields, draw_suppression
from minitx.plot.captions import draw_captions, draw_word_attention
from minitx.plot.checking import draw_gradient_check, draw_gradient_norms, draw_step_errors
from minitx.plot.comparison import draw_comparison
from minitx.plot.connectivity import draw_connectivity
from minitx.plot.detection import draw_detections
from minitx.plot.detection_attention import draw_object_attention, draw_point_attention
from minitx.plot.explanation import draw_explanation
from minitx.plot.graphs import draw_graph
from minitx.plot.guesses import draw_guesses
from minitx.plot.masks import draw_masks
from minitx.plot.memory_cell import draw_memory_cell
from minitx.plot.panoptic import draw_panoptic, draw_query_masks
from minitx.plot.positions import (
    draw_binary_counter,
    draw_position_embedding_similarity,
    draw_position_rotation,
    draw_position_similarity,
    draw_positional_encoding,
)
from minitx.plot.precision_recall import draw_precision_recall
from minitx.plot.profile import draw_profile
from minitx.plot.query_slots import draw_query_slots
from minitx.plot.readings import draw_readings
from minitx.plot.recurrence import draw_gradient_flow, draw_recall
from minitx.plot.results import draw_quality_against_cost
from minitx.plot.retrieval import draw_retrieval, draw_saturation, draw_temperatures
from minitx.plot.scaling import draw_growth, draw_scaling
from minitx.plot.sensitivity import draw_sequential_jacobian
from minitx.plot.speed import draw_ratios
from minitx.plot.tracking import draw_film_strip, draw_paths, draw_switch_counts
from minitx.plot.training import draw_confusion_matrix, draw_gallery, draw_learning_curves
from minitx.plot.translation import draw_alignments
from minitx.plot.vit import draw_patch_filters, draw_patches
from minitx.plot.writing import draw_next_token, draw_surprise, draw_vocabularies

__all__ = [
    "draw_ablation",
    "draw_alignments",
    "draw_anchors",
    "draw_assignment_steps",
    "draw_assignments",
    "draw_attention",
    "draw_attention_distances",
    "draw_attention_heads",
    "draw_attention_rollout",
    "draw_binary_counter",
    "draw_captions",
    "draw_class_attention",
    "draw_comparison",
    "draw_confusion_matrix",
    "draw_connectivity",
    "draw_detections",
    "draw_encoder_decoder",
    "draw_film_strip",
    "draw_explanation",
    "draw_gallery",
    "draw_gradient_check",
    "draw_gradient_flow",
    "draw_gradient_norms",
    "draw_graph",
    "draw_growth",
    "draw_guesses",
    "draw_influence",
    "draw_learning_curves",
    "draw_masks",
    "draw_memory_cell",
    "draw_next_token",
    "draw_object_attention",
    "draw_overlap_fields",
    "draw_panoptic",
    "draw_patch_filters",
    "draw_patches",
    "draw_paths",
    "draw_point_attention",
    "draw_position_embedding_similarity",
    "draw_position_rotation",
    "draw_position_similarity",
    "draw_positional_encoding",
    "draw_precision_recall",
    "draw_profile",
    "draw_quality_against_cost",
    "draw_query_slots",
    "draw_query_masks",
    "draw_ratios",
    "draw_readings",
    "draw_recall",
    "draw_retrieval",
    "draw_saturation",
    "draw_scaling",
    "draw_seeds",
    "draw_sequential_jacobian",
    "draw_step_errors",
    "draw_switch_counts",
    "draw_suppression",
    "draw_surprise",
    "draw_temperatures",
    "draw_vocabularies",
    "draw_word_attention",
]
