"""DETR in float64 against a short PyTorch model of the same parameters, and Hugging Face's from a small config."""

import numpy as np
import pytest

from minitx.functional import relu
from minitx.models import DETR, DetrListing, ResNet, detr_from_huggingface
from minitx.nn import Conv2d, Module
from tests.parity.comparing import assert_close, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

SIZES = {
    "num_classes": 5,
    "num_queries": 6,
    "hidden_dim": 16,
    "nheads": 4,
    "num_encoder_layers": 2,
    "num_decoder_layers": 3,
    "dim_feedforward": 24,
}


def padded_batch(size=(66, 97)):
    """Three images, of which two are smaller than the batch, and where they end."""
    images = normal(3, 3, *size)
    mask = np.zeros((3, *size), bool)
    mask[1, 40:], mask[1, :, 70:], mask[2, :, 33:] = True, True, True
    images[mask[:, None].repeat(3, axis=1)] = 0
    return images, mask


class Stripes(torch.nn.Module):
    """A backbone of one strided convolution."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 7, 8, stride=8)

    def forward(self, images):
        return torch.relu(self.conv(images))


class OurStripes(Module):
    """The same here."""

    num_channels = 7

    def __init__(self):
        super().__init__()
        self.conv = Conv2d(3, 7, 8, stride=8)

    def forward(self, images):
        return relu(self.conv(images))


class TorchLayer(torch.nn.Module):
    """An encoder layer, or (with `cross`) a decoder layer, batch first."""

    def __init__(self, width, heads, wide, cross):
        super().__init__()
        self.self_attn = torch.nn.MultiheadAttention(width, heads, batch_first=True)
        if cross:
            self.multihead_attn = torch.nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1, self.linear2 = torch.nn.Linear(width, wide), torch.nn.Linear(wide, width)
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        if cross:
            self.norm3 = torch.nn.LayerNorm(width)

    def forward(self, x, own, memory=None, positions=None, padding=None):
        blocked = None if memory is not None else padding
        x = self.norm1(x + self.self_attn(x + own, x + own, x, key_padding_mask=blocked)[0])
        last = self.norm2
        if memory is not None:
            x = self.norm2(x + self.multihead_attn(x + own, memory + positions, memory, key_padding_mask=padding)[0])
            last = self.norm3
        return last(x + self.linear2(torch.relu(self.linear1(x))))


class TorchDETR(torch.nn.Module):
    """The published model in short, with the same parameters under the same names."""

    def __init__(
        self,
        num_classes,
        num_queries,
        hidden_dim,
        nheads,
        num_encoder_layers,
        num_decoder_layers,
        dim_feedforward,
        learned=False,
    ):
        super().__init__()
        layers = [
            torch.nn.ModuleList(TorchLayer(hidden_dim, nheads, dim_feedforward, cross) for _ in range(count))
            for cross, count in ((False, num_encoder_layers), (True, num_decoder_layers))
        ]
        self.backbone = Stripes()
        self.input_proj = torch.nn.Conv2d(7, hidden_dim, 1)
        self.transformer = torch.nn.ModuleDict(
            {
                "encoder": torch.nn.ModuleDict({"layers": layers[0]}),
                "decoder": torch.nn.ModuleDict({"layers": layers[1], "norm": torch.nn.LayerNorm(hidden_dim)}),
            }
        )
        self.query_embed = torch.nn.Embedding(num_queries, hidden_dim)
        self.class_embed = torch.nn.Linear(hidden_dim, num_classes + 1)
        widths = (hidden_dim, hidden_dim, hidden_dim, 4)
        self.bbox_embed = torch.nn.ModuleDict({"layers": torch.nn.ModuleList(map(torch.nn.Linear, widths, widths[1:]))})
        self.position_embedding = None
        if learned:
            tables = {name: torch.nn.Embedding(50, hidden_dim // 2) for name in ("row_embed", "col_embed")}
            self.position_embedding = torch.nn.ModuleDict(tables)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.3)

    def positions(self, padding):
        """Count the true cells of each row and column, and turn the shares of 2π into sines and cosines."""
        if self.position_embedding is not None:
            height, width = padding.shape[1:]
            columns = self.position_embedding["col_embed"].weight[:width].repeat(height, 1, 1)
            rows = self.position_embedding["row_embed"].weight[:height, None].repeat(1, width, 1)
            return torch.cat([columns, rows], dim=-1).flatten(0, 1)[None]
        half = self.query_embed.weight.shape[1] // 2
        period = 10000 ** (2 * (torch.arange(half).double() // 2) / half)
        halves = []
        for axis in (1, 2):
            places = (~padding).double().cumsum(axis)
            angles = (places / (places.amax(axis, keepdim=True) + 1e-6) * 2 * torch.pi)[..., None] / period
            even = torch.arange(half) % 2 == 0
            halves.append(torch.where(even, angles.sin(), angles.cos()).flatten(1, 2))
        return torch.cat(halves, dim=-1)

    def forward(self, images, mask):
        features = self.input_proj(self.backbone(images))
        padding = torch.nn.functional.interpolate(mask[None].double(), features.shape[-2:])[0].bool()
        positions, blocked = self.positions(padding), padding.flatten(1)
        memory = features.flatten(2).transpose(1, 2)
        for layer in self.transformer["encoder"]["layers"]:
            memory = layer(memory, positions, padding=blocked)
        queries = self.query_embed.weight.repeat(len(images), 1, 1)
        x, outputs = torch.zeros_like(queries), []
        for layer in self.transformer["decoder"]["layers"]:
            x = layer(x, queries, memory, positions, blocked)
            hidden = self.transformer["decoder"]["norm"](x)
            first, second, last = self.bbox_embed["layers"]
            outputs.append((self.class_embed(hidden), last(torch.relu(second(torch.relu(first(hidden))))).sigmoid()))
        return outputs


@pytest.mark.parametrize("learned", [False, True], ids=["sine", "learned"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_outputs_of_all_layers_and_gradients(padded, learned):
    torch.manual_seed(0)
    theirs = TorchDETR(**SIZES, learned=learned).double()
    ours = DETR(OurStripes(), **SIZES, dropout=0.0, spatial_positions="learned" if learned else "sine")
    ours.astype(np.float64).load_state_dict(theirs.state_dict())
    images, mask = padded_batch()
    expected = theirs(torch.tensor(images), torch.tensor(mask & padded))
    outputs = ours(images, mask if padded else None)

    total, expected_total = 0.0, 0.0
    for number, (layer, layer_expected) in enumerate(zip([*outputs["aux_outputs"], outputs], expected, strict=True)):
        for name, reference in zip(("pred_logits", "pred_boxes"), layer_expected):
            assert_close(layer[name].numpy(), reference)
            cotangent = normal(*reference.shape, seed=number)
            total = total + (layer[name] * cotangent).sum()
            expected_total = expected_total + (reference * torch.tensor(cotangent)).sum()
    total.backward()
    expected_total.backward()
    references = dict(theirs.named_parameters())
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    assert set(gradients) == set(references)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, references[name].grad.numpy(), rtol=1e-8, atol=1e-9, err_msg=name)


def huggingface_detr(position_embedding_type="sine"):
    """Their DETR from a small random config, with their own ResNet; statistics of the norms drawn at random too."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[16, 32, 64, 128], depths=[1, 2, 1, 1], out_features=["stage4"]
    )
    config = transformers.DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        num_labels=SIZES["num_classes"],
        num_queries=SIZES["num_queries"],
        d_model=SIZES["hidden_dim"],
        encoder_layers=SIZES["num_encoder_layers"],
        decoder_layers=SIZES["num_decoder_layers"],
        encoder_attention_heads=SIZES["nheads"],
        decoder_attention_heads=SIZES["nheads"],
        encoder_ffn_dim=SIZES["dim_feedforward"],
        decoder_ffn_dim=SIZES["dim_feedforward"],
        position_embedding_type=position_embedding_type,
    )
    torch.manual_seed(1)
    theirs = transformers.DetrForObjectDetection(config).double().eval()
    with torch.no_grad():
        for name, value in (*theirs.named_parameters(), *theirs.named_buffers()):
            if not value.is_floating_point():
                continue
            if "running_var" in name:
                value.uniform_(0.5, 2)
            else:
                value.normal_(std=0.2)
    return theirs


@pytest.mark.parametrize("position_embedding_type", ["sine", "learned"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_outputs_of_hugging_face(padded, position_embedding_type):
    theirs = huggingface_detr(position_embedding_type)
    ours = DETR(ResNet((1, 2, 1, 1), width=4), **SIZES, spatial_positions=position_embedding_type)
    ours.astype(np.float64).eval().load_state_dict(detr_from_huggingface(theirs.state_dict()))
    images, mask = padded_batch((130, 97))
    with torch.no_grad():
        expected = theirs(
            torch.tensor(images), pixel_mask=torch.tensor(~mask) if padded else None, output_hidden_states=True
        )
    outputs = ours(images, mask if padded else None, need_weights=True)
    for name, reference in (("pred_logits", expected.logits), ("pred_boxes", expected.pred_boxes)):
        np.testing.assert_allclose(outputs[name].numpy(), reference.numpy(), rtol=1e-8, atol=1e-8)
    encoded = ours.encode(images, mask if padded else None)
    np.testing.assert_allclose(encoded.memory.numpy(), expected.encoder_last_hidden_state.numpy(), rtol=1e-8, atol=1e-8)


def test_resnet_of_hugging_face():
    theirs = huggingface_detr().model.backbone.model
    names = {f"model.backbone.model.{name}": value for name, value in theirs.state_dict().items()}
    ours = ResNet((1, 2, 1, 1), width=4).astype(np.float64)
    ours.load_state_dict({name.removeprefix("backbone."): v for name, v in detr_from_huggingface(names).items()})
    for size in ((64, 64), (71, 45)):
        images = normal(2, 3, *size)
        with torch.no_grad():
            reference = theirs(torch.tensor(images)).feature_maps[-1]
        np.testing.assert_allclose(ours(images).numpy(), reference.numpy(), rtol=1e-8, atol=1e-8)


class TorchListing(torch.nn.Module):
    """The listing of the slides on the small backbone; the published demo has `feature_scale` 0.1."""

    def __init__(self, feature_scale):
        super().__init__()
        self.backbone = Stripes()
        self.conv = torch.nn.Conv2d(7, 16, 1)
        self.transformer = torch.nn.Transformer(16, 4, 2, 3, dim_feedforward=24, dropout=0.0)
        self.linear_class = torch.nn.Linear(16, 6)
        self.linear_bbox = torch.nn.Linear(16, 4)
        self.query_pos = torch.nn.Parameter(torch.rand(6, 16))
        self.row_embed = torch.nn.Parameter(torch.rand(50, 8))
        self.col_embed = torch.nn.Parameter(torch.rand(50, 8))
        self.feature_scale = feature_scale

    def forward(self, inputs):
        h = self.conv(self.backbone(inputs))
        height, width = h.shape[-2:]
        columns = self.col_embed[:width].unsqueeze(0).repeat(height, 1, 1)
        rows = self.row_embed[:height].unsqueeze(1).repeat(1, width, 1)
        pos = torch.cat([columns, rows], dim=-1).flatten(0, 1).unsqueeze(1)
        queries = self.query_pos.unsqueeze(1).repeat(1, len(inputs), 1)
        h = self.transformer(pos + self.feature_scale * h.flatten(2).permute(2, 0, 1), queries).transpose(0, 1)
        return torch.cat([self.linear_class(h), self.linear_bbox(h).sigmoid()], dim=-1)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("feature_scale", [1.0, 0.1], ids=["as printed", "as published"])
def test_listing(feature_scale):
    torch.manual_seed(0)
    theirs = TorchListing(feature_scale).double()
    ours = DetrListing(OurStripes(), 5, 16, 4, 2, 3, 24, dropout=0.0, num_queries=6, feature_scale=feature_scale)
    ours.astype(np.float64).load_state_dict(theirs.state_dict())
    images = normal(2, 3, 40, 24)
    outputs = ours(images)
    expected = theirs(torch.tensor(images))
    assert_close(outputs["pred_logits"].numpy(), expected[..., :6])
    assert_close(outputs["pred_boxes"].numpy(), expected[..., 6:])
