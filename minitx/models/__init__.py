"""Models: one architecture, one file."""

from minitx.models.bert import BERT, MaskedLanguageModel, bert_from_huggingface
from minitx.models.captioner import Captioner
from minitx.models.detected_objects import detected_objects
from minitx.models.detr import DETR, EncodedImages
from minitx.models.detr_listing import DetrListing
from minitx.models.detr_published import detr_from_facebook, detr_from_huggingface, detr_resnet50
from minitx.models.gpt import GPT, gpt_from_huggingface
from minitx.models.language_model import LanguageModel
from minitx.models.panoptic_detr import PanopticDETR
from minitx.models.resnet import ResNet
from minitx.models.seq2seq import Seq2SeqTransformer
from minitx.models.small_backbone import SmallBackbone
from minitx.models.track_former import TrackFormer, choose_tracks, follow_video, match_with_tracks
from minitx.models.vit import (
    VisionTransformer,
    vit_base_patch16_224,
    vit_from_timm,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_large_patch32_224,
    vit_tiny,
)
from minitx.models.vit_analysis import (
    attention_distance,
    attention_rollout,
    patch_filter_components,
    position_similarity,
)

__all__ = [
    "LanguageModel",
    "BERT",
    "Captioner",
    "DETR",
    "DetrListing",
    "EncodedImages",
    "GPT",
    "MaskedLanguageModel",
    "PanopticDETR",
    "ResNet",
    "Seq2SeqTransformer",
    "TrackFormer",
    "SmallBackbone",
    "VisionTransformer",
    "attention_distance",
    "attention_rollout",
    "choose_tracks",
    "bert_from_huggingface",
    "detected_objects",
    "detr_from_facebook",
    "detr_from_huggingface",
    "detr_resnet50",
    "follow_video",
    "gpt_from_huggingface",
    "match_with_tracks",
    "patch_filter_components",
    "position_similarity",
    "vit_base_patch16_224",
    "vit_from_timm",
    "vit_huge_patch14_224",
    "vit_large_patch16_224",
    "vit_large_patch32_224",
    "vit_tiny",
]
