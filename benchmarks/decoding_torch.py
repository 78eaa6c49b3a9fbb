"""Greedy writing with the same GPT in PyTorch, under `inference_mode()`: a cached loop as one writes it by hand.

Keys and values go to arrays that are there from the start, long enough for the whole text; the layers are those of
`torch.nn`, and attention is `scaled_dot_product_attention`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from benchmarks.agreement import below, difference


class Writer(nn.Module):
    """The architecture of `minitx.models.gpt`, and its names, so that the weights load by name."""

    def __init__(self, batch, length, vocab_size, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, embed_dim)
        self.position_embedding = nn.Embedding(length, embed_dim)
        layer = nn.TransformerEncoderLayer(embed_dim, num_heads, mlp_dim, 0.0, norm_first=True, batch_first=True)
        norm = nn.LayerNorm(embed_dim)
        self.transformer = nn.TransformerEncoder(layer, depth, norm, enable_nested_tensor=False)
        self.heads = (batch, 1, num_heads, embed_dim // num_heads)
        self.cache = torch.zeros(depth, 2, batch, num_heads, length, embed_dim // num_heads)

    def forward(self, tokens, place):
        """Return logits (B, V) of what follows tokens (B,) at a place; caches hold the tokens before it."""
        x = self.token_embedding(tokens) + self.position_embedding.weight[place]  # (B, D)
        for layer, cache in zip(self.transformer.layers, self.cache):
            attention = layer.self_attn
            projected = linear(layer.norm1(x), attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1)
            query, key, value = (part.view(self.heads).transpose(1, 2) for part in projected)  # (B, H, 1, D/H)
            cache[0, :, :, place : place + 1] = key
            cache[1, :, :, place : place + 1] = value
            found = scaled_dot_product_attention(query, cache[0, :, :, : place + 1], cache[1, :, :, : place + 1])
            x = x + attention.out_proj(found.transpose(1, 2).reshape(x.shape))
            x = x + layer.linear2(gelu(layer.linear1(layer.norm2(x)), approximate="tanh"))
        return linear(self.transformer.norm(x), self.token_embedding.weight)


def setup(folder, batch, length, **size):
    """Build the writer, and make sure that it computes what minitx computes."""
    with np.load(Path(folder) / "written.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    model = Writer(batch, length, **size).eval()
    model.load_state_dict(below("weights/", arrays), strict=True)

    @torch.inference_mode()
    def write():
        tokens = arrays["tokens"][:, 0]
        for place in range(length):
            tokens = model(tokens, place).argmax(dim=-1)

    with torch.inference_mode():
        logits = torch.stack([model(arrays["tokens"][:, place], place) for place in range(length)], dim=1)
    found = difference("logits", logits, arrays["logits"], allowed=1e-4)
    return {"difference": found}, {"PyTorch": write}
