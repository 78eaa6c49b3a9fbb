"""All exercises under their names, notebook by notebook. Each topic adds two lines: its import and its list."""

from minitx.learn.exercises.attention import ATTENTION_EXERCISES
from minitx.learn.exercises.autograd import AUTOGRAD_EXERCISES
from minitx.learn.exercises.bert_gpt import BERT_GPT_EXERCISES
from minitx.learn.exercises.boxes import BOXES_EXERCISES
from minitx.learn.exercises.captioning import CAPTIONING_EXERCISES
from minitx.learn.exercises.complexity import COMPLEXITY_EXERCISES
from minitx.learn.exercises.detr import DETR_EXERCISES
from minitx.learn.exercises.detr_taken_apart import DETR_TAKEN_APART_EXERCISES
from minitx.learn.exercises.hungarian import HUNGARIAN_EXERCISES
from minitx.learn.exercises.looking_inside import LOOKING_INSIDE_EXERCISES
from minitx.learn.exercises.panoptic import PANOPTIC_EXERCISES
from minitx.learn.exercises.positions import POSITIONS_EXERCISES
from minitx.learn.exercises.recurrent import RECURRENT_EXERCISES
from minitx.learn.exercises.tracking import TRACKING_EXERCISES
from minitx.learn.exercises.transformer import TRANSFORMER_EXERCISES
from minitx.learn.exercises.vision_transformer import VISION_TRANSFORMER_EXERCISES
from minitx.learn.exercises.writing import WRITING_EXERCISES


def exercises_by_name(*topics):
    """Join lists of exercises.

    Parameters
    ----------
    *topics : list of Exercise
        Those of one topic each.

    Returns
    -------
    dict
        Name -> exercise, notebook by notebook; those of a notebook stay in the order in which they are declared.

    Raises
    ------
    ValueError
        If two exercises have the same name.

    Examples
    --------
    >>> exercises_by_name([], [])
    {}
    """
    found = {}
    for exercise in sorted((one for topic in topics for one in topic), key=lambda one: one.notebook):
        if exercise.name in found:
            raise ValueError(
                f"exercises: the notebooks {found[exercise.name].notebook} and {exercise.notebook} both have an "
                f"exercise {exercise.name!r}.\nRename one; names are unique, for they are those of the checks."
            )
        found[exercise.name] = exercise
    return found


EXERCISES = exercises_by_name(
    AUTOGRAD_EXERCISES,
    RECURRENT_EXERCISES,
    WRITING_EXERCISES,
    CAPTIONING_EXERCISES,
    LOOKING_INSIDE_EXERCISES,
    ATTENTION_EXERCISES,
    POSITIONS_EXERCISES,
    TRANSFORMER_EXERCISES,
    COMPLEXITY_EXERCISES,
    BERT_GPT_EXERCISES,
    VISION_TRANSFORMER_EXERCISES,
    BOXES_EXERCISES,
    HUNGARIAN_EXERCISES,
    DETR_EXERCISES,
    DETR_TAKEN_APART_EXERCISES,
    PANOPTIC_EXERCISES,
    TRACKING_EXERCISES,
)
