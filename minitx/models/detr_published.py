"""DETR as it was published: its size, and its parameters under the names of two publishers.

The model with a ResNet-50 has 41,524,768 parameters, 23,454,912 of them in the backbone. The numbers of its frozen
batch norms are constants, not parameters.

Source: Carion et al. 2020, section 4 and table 1; the parameter names of facebookresearch/detr and of Hugging Face's
transformers. Lecture concept: DETR and Faster R-CNN tables (D0 D1). Notebook: 22.
"""

import re

import numpy as np

from minitx.models.detr import DETR
from minitx.models.resnet import ResNet


def detr_resnet50(num_classes=91):
    """Build the published DETR: ResNet-50, six encoder and six decoder layers, a hundred queries.

    Parameters
    ----------
    num_classes : int
        Number of classes; 91 because COCO numbers its 80 classes from 1 to 90.

    Returns
    -------
    DETR

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     detr_resnet50().num_parameters()
    41524768
    """
    return DETR(ResNet(), num_classes)


def detr_from_facebook(arrays):
    """Give the arrays of a DETR published by facebookresearch the names they have here.

    Only the backbone and learned positions are called otherwise; the counters of batches that a frozen norm does not
    need are left out.

    Parameters
    ----------
    arrays : mapping of str to array_like
        The `state_dict` of their `DETR`: what their files hold as "model".

    Returns
    -------
    dict of str to array_like
        For `DETR.load_state_dict`.

    Examples
    --------
    >>> detr_from_facebook({"backbone.0.body.layer1.0.bn1.weight": 1, "query_embed.weight": 2})
    {'backbone.layer1.0.bn1.weight': 1, 'query_embed.weight': 2}
    """
    return {
        re.sub(r"^backbone\.1\.", "position_embedding.", re.sub(r"^backbone\.0\.body\.", "backbone.", name)): array
        for name, array in arrays.items()
        if not name.endswith(".num_batches_tracked")
    }


_DETR_NAMES = {
    r"^model\.(en|de)coder\.": r"transformer.\1coder.",
    r"\.self_attn\.q_proj\.": ".self_attn.in_proj_",
    r"\.encoder_attn\.q_proj\.": ".multihead_attn.in_proj_",
    r"\.encoder_attn\.o(ut)?_proj\.": ".multihead_attn.out_proj.",
    r"\.self_attn\.o(ut)?_proj\.": ".self_attn.out_proj.",
    r"\.(mlp\.)?fc([12])\.": r".linear\2.",
    r"\.self_attn_layer_norm\.": ".norm1.",
    r"\.encoder_attn_layer_norm\.": ".norm2.",
    r"(encoder\.layers\.\d+)\.final_layer_norm\.": r"\1.norm2.",
    r"(decoder\.layers\.\d+)\.final_layer_norm\.": r"\1.norm3.",
    r"decoder\.layernorm\.": "decoder.norm.",
    r"^model\.query_position_embeddings\.": "query_embed.",
    r"^model\.input_projection\.": "input_proj.",
    r"^class_labels_classifier\.": "class_embed.",
    r"^bbox_predictor\.": "bbox_embed.",
    r"^model\.backbone\.(conv_encoder\.)?model\.": "backbone.",
    r"^model\.(backbone\.)?position_embedding\.": "position_embedding.",
    r"row_embeddings": "row_embed",
    r"column_embeddings": "col_embed",
    # Their own ResNet counts stages and convolutions from 0, and calls the parts of a block otherwise:
    r"embedder\.embedder\.convolution\.": "conv1.",
    r"embedder\.embedder\.normalization\.": "bn1.",
    r"\.shortcut\.convolution\.": ".downsample.0.",
    r"\.shortcut\.normalization\.": ".downsample.1.",
}
_RESNET_PLACE = re.compile(r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(?:layer\.(\d+)\.(conv|norm)[a-z]+)?")
_DETR_WITHOUT_PLACE = re.compile(r"\.(k_proj|v_proj)\.|\.num_batches_tracked$")


def detr_from_huggingface(arrays):
    """Give the arrays of a DETR published by Hugging Face the names they have here, and pack queries, keys and values.

    Parameters
    ----------
    arrays : mapping of str to array_like
        The `state_dict` of their `DetrForObjectDetection`, whether the backbone is timm's ResNet or their own.

    Returns
    -------
    dict of str to array_like
        For `DETR.load_state_dict`.

    Examples
    --------
    >>> parts = {f"model.decoder.layers.0.encoder_attn.{n}_proj.bias": np.full(2, i) for i, n in enumerate("qkv")}
    >>> detr_from_huggingface(parts)
    {'transformer.decoder.layers.0.multihead_attn.in_proj_bias': array([0, 0, 1, 1, 2, 2])}
    >>> detr_from_huggingface({"model.backbone.model.encoder.stages.0.layers.2.layer.1.convolution.weight": 1})
    {'backbone.layer1.2.conv2.weight': 1}
    """
    renamed = {}
    for published, array in arrays.items():
        if _DETR_WITHOUT_PLACE.search(published):
            continue
        if ".q_proj." in published:
            array = np.concatenate([arrays[published.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"])
        name = published
        for pattern, ours in _DETR_NAMES.items():
            name = re.sub(pattern, ours, name)
        renamed[_RESNET_PLACE.sub(_resnet_place, name)] = array
    return renamed


def _resnet_place(match):
    """Name a place in a ResNet as torchvision does: stage 0, block 2, convolution 1 is "layer1.2.conv2."."""
    stage, block, number, kind = match.groups()
    place = f"layer{int(stage) + 1}.{block}."
    return place if number is None else f"{place}{'conv' if kind == 'conv' else 'bn'}{int(number) + 1}"
