"""The ViT training step in PyTorch eager: the same model from `torch.nn`, with the weights that minitx left."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.agreement import agreement, below, left_step


class VisionTransformer(nn.Module):
    """The architecture of `minitx.models.vit`, and its names, so that the weights load by name."""

    def __init__(self, image_size, patch_size, in_channels, num_classes, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        patches = (image_size // patch_size) ** 2
        self.patch_embedding = nn.ModuleDict({"proj": nn.Conv2d(in_channels, embed_dim, patch_size, patch_size)})
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.position_embedding = nn.Parameter(torch.zeros(1, 1 + patches, embed_dim))
        layer = nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            mlp_dim,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        )
        norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.encoder = nn.TransformerEncoder(layer, depth, norm, enable_nested_tensor=False)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, images):
        """Return the logits."""
        patches = self.patch_embedding["proj"](images).flatten(2).transpose(1, 2)  # (B, N, D)
        class_tokens = self.class_token.expand(len(images), -1, -1)
        tokens = torch.cat((class_tokens, patches), dim=1) + self.position_embedding  # (B, 1 + N, D)
        return self.head(self.encoder(tokens)[:, 0])


def setup(folder, batch, **size):
    """Build the step, and make sure that it computes what minitx computes."""
    left = left_step(folder)
    weights = {name: torch.from_numpy(array) for name, array in below("weights/", left).items()}
    model = VisionTransformer(**size).train()
    model.load_state_dict(weights, strict=True)
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = torch.from_numpy(left["images"]), torch.from_numpy(left["labels"])

    loss = cross_entropy(model(images), labels)
    loss.backward()
    found = agreement(model, loss.item(), left)

    def step():
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()

    return {"difference": found}, {"PyTorch": step}
