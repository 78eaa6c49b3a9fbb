"""The Vision Transformer against the same model built from PyTorch's layers, in float64."""

import numpy as np
import pytest

from minitx.models.vit import VisionTransformer
from tests.parity.comparing import assert_same_module, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")


class TorchVisionTransformer(torch.nn.Module):
    """The same parameters under the same names; the patch embedding is the strided convolution itself."""

    def __init__(self, image_size, patch_size, in_channels, num_classes, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        self.patch_embedding = torch.nn.ModuleDict(
            {"proj": torch.nn.Conv2d(in_channels, embed_dim, patch_size, stride=patch_size)}
        )
        self.class_token = torch.nn.Parameter(torch.randn(1, 1, embed_dim))
        self.position_embedding = torch.nn.Parameter(torch.randn(1, 1 + (image_size // patch_size) ** 2, embed_dim))
        layer = torch.nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            mlp_dim,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        )
        self.encoder = torch.nn.TransformerEncoder(
            layer, depth, torch.nn.LayerNorm(embed_dim, eps=1e-6), enable_nested_tensor=False
        )
        self.head = torch.nn.Linear(embed_dim, num_classes)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.3)

    def forward(self, images):
        patches = self.patch_embedding["proj"](images).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.class_token.expand(len(images), -1, -1), patches), dim=1)
        return self.head(self.encoder(tokens + self.position_embedding)[:, 0])


SIZES = {
    "image_size": 12,
    "patch_size": 4,
    "in_channels": 3,
    "num_classes": 5,
    "embed_dim": 16,
    "depth": 3,
    "num_heads": 4,
    "mlp_dim": 24,
}


def test_outputs_and_gradients():
    torch.manual_seed(0)
    assert_same_module(VisionTransformer(**SIZES), TorchVisionTransformer(**SIZES), normal(4, 3, 12, 12))


def test_training_takes_the_same_steps():
    torch.manual_seed(0)
    theirs = TorchVisionTransformer(**SIZES).double()
    ours = VisionTransformer(**SIZES).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())
    for step in range(5):
        images, targets = normal(4, 3, 12, 12, seed=step), normal(4, 5, seed=step)
        loss = ((ours(images) - targets) ** 2).mean()
        reference = ((theirs(torch.tensor(images)) - torch.tensor(targets)) ** 2).mean()
        np.testing.assert_allclose(loss.item(), reference.item(), rtol=1e-10)
        ours.zero_grad()
        theirs.zero_grad()
        loss.backward()
        reference.backward()
        for parameter in ours.parameters():
            parameter.writable()[...] -= 0.01 * parameter.grad
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter -= 0.01 * parameter.grad
    for name, value in ours.state_dict().items():
        np.testing.assert_allclose(value, theirs.state_dict()[name].numpy(), rtol=1e-8, atol=1e-9, err_msg=name)
