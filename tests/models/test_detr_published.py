"""The published DETR: counted without memory, and found again under the names of its publishers."""

import tracemalloc

import numpy as np
import pytest

from minitx.models import (
    DETR,
    DetrListing,
    ResNet,
    SmallBackbone,
    detr_from_facebook,
    detr_from_huggingface,
    detr_resnet50,
)
from minitx.nn.module import shapes_only


def test_the_published_size_takes_no_memory():
    tracemalloc.start()
    with shapes_only():
        model = detr_resnet50(num_classes=91)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert model.num_parameters() == 41_524_768
    assert model.backbone.num_parameters() == 23_454_912
    assert peak < 10e6  # bytes; the weights would take 166 million


def test_names_of_facebook():
    model = DETR(ResNet((1, 1, 1, 1), width=4), 3, 5, 16, 2, 1, 2, 24, spatial_positions="learned")
    arrays = model.state_dict()
    theirs = {}
    for name, array in arrays.items():
        name = name.replace("position_embedding.", "backbone.1.")
        if name.startswith("backbone.") and not name.startswith("backbone.1."):
            name = name.replace("backbone.", "backbone.0.body.")
        theirs[name] = array
    theirs["backbone.0.body.bn1.num_batches_tracked"] = np.zeros(())
    assert {"backbone.0.body.layer4.0.conv3.weight", "backbone.1.row_embed.weight"} <= set(theirs)
    assert {
        "transformer.encoder.layers.0.self_attn.in_proj_weight",
        "transformer.decoder.layers.1.multihead_attn.out_proj.bias",
        "transformer.decoder.norm.weight",
        "class_embed.weight",
        "bbox_embed.layers.2.bias",
        "query_embed.weight",
        "input_proj.weight",
    } <= set(theirs)
    renamed = detr_from_facebook(theirs)
    assert set(renamed) == set(arrays)
    model.load_state_dict(renamed)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("model.backbone.conv_encoder.model.bn1.running_var", "backbone.bn1.running_var"),
        ("model.backbone.conv_encoder.model.layer1.0.downsample.1.bias", "backbone.layer1.0.downsample.1.bias"),
        ("model.backbone.model.embedder.embedder.convolution.weight", "backbone.conv1.weight"),
        ("model.backbone.model.embedder.embedder.normalization.bias", "backbone.bn1.bias"),
        (
            "model.backbone.model.encoder.stages.3.layers.0.shortcut.convolution.weight",
            "backbone.layer4.0.downsample.0.weight",
        ),
        ("model.backbone.model.encoder.stages.2.layers.5.layer.2.normalization.bias", "backbone.layer3.5.bn3.bias"),
        ("model.encoder.layers.3.fc1.bias", "transformer.encoder.layers.3.linear1.bias"),
        ("model.encoder.layers.3.mlp.fc2.bias", "transformer.encoder.layers.3.linear2.bias"),
        ("model.encoder.layers.3.self_attn.out_proj.weight", "transformer.encoder.layers.3.self_attn.out_proj.weight"),
        ("model.encoder.layers.3.self_attn.o_proj.weight", "transformer.encoder.layers.3.self_attn.out_proj.weight"),
        ("model.encoder.layers.3.final_layer_norm.bias", "transformer.encoder.layers.3.norm2.bias"),
        ("model.decoder.layers.3.final_layer_norm.bias", "transformer.decoder.layers.3.norm3.bias"),
        ("model.decoder.layers.3.encoder_attn_layer_norm.bias", "transformer.decoder.layers.3.norm2.bias"),
        (
            "model.decoder.layers.3.encoder_attn.out_proj.bias",
            "transformer.decoder.layers.3.multihead_attn.out_proj.bias",
        ),
        ("model.decoder.layernorm.weight", "transformer.decoder.norm.weight"),
        ("model.query_position_embeddings.weight", "query_embed.weight"),
        ("model.input_projection.bias", "input_proj.bias"),
        ("class_labels_classifier.weight", "class_embed.weight"),
        ("bbox_predictor.layers.1.weight", "bbox_embed.layers.1.weight"),
        ("model.position_embedding.row_embeddings.weight", "position_embedding.row_embed.weight"),
    ],
)
def test_names_of_hugging_face_in_both_their_versions(theirs, ours):
    with shapes_only():
        model = detr_resnet50()
    known = dict(model.named_parameters()) | dict(model.named_buffers()) | {"position_embedding.row_embed.weight": 1}
    assert ours in known
    assert detr_from_huggingface({theirs: 1}) == {ours: 1}


def test_queries_keys_and_values_of_hugging_face_are_packed():
    parts = {f"model.encoder.layers.0.self_attn.{part}_proj.weight": np.full((2, 2), part) for part in "vqk"}
    parts["model.backbone.model.embedder.embedder.normalization.num_batches_tracked"] = np.zeros(())
    ((name, packed),) = detr_from_huggingface(parts).items()
    assert name == "transformer.encoder.layers.0.self_attn.in_proj_weight"
    assert packed[:, 0].tolist() == ["q", "q", "k", "k", "v", "v"]


def test_listing_predicts_and_refuses_grids_that_are_too_large():
    model = DetrListing(SmallBackbone(8), 3, 8, 2, 1, 1, 16, num_queries=5).eval()
    outputs = model(np.ones((2, 3, 20, 32), np.float32))
    assert outputs["pred_logits"].shape == (2, 5, 4) and outputs["pred_boxes"].shape == (2, 5, 4)
    with pytest.raises(ValueError, match="1 rows and 51 columns.*for 50 only"):
        model(np.ones((1, 3, 4, 204), np.float32))
    with pytest.raises(ValueError, match="hidden_dim=9 is odd.*choose 10"):
        DetrListing(SmallBackbone(8), 3, 9, 3)
