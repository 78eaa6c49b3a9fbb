"""The training step of a GPT in PyTorch eager: the same model from `torch.nn`, with the weights that minitx left.

Its layers are written out around `scaled_dot_product_attention`, as most GPTs in PyTorch are: that is a little faster
than `torch.nn.TransformerEncoderLayer`, which hands its tokens on in another order.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear, scaled_dot_product_attention

from benchmarks.agreement import agreement, below, left_step


class CausalSelfAttention(nn.Module):
    """Each token looks at itself and at those before it."""

    def __init__(self, embed_dim, num_heads):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim))
        self.out_proj = nn.Linear(embed_dim, embed_dim)
        self.num_heads = num_heads

    def forward(self, x):
        """Map tokens (B, T, D) to tokens."""
        packed = linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = packed.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, T, D/H) each
        return self.out_proj(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """A pre-norm layer."""

    def __init__(self, embed_dim, num_heads, mlp_dim):
        super().__init__()
        self.self_attn = CausalSelfAttention(embed_dim, num_heads)
        self.linear1 = nn.Linear(embed_dim, mlp_dim)
        self.linear2 = nn.Linear(mlp_dim, embed_dim)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)

    def forward(self, x):
        """Map tokens (B, T, D) to tokens."""
        x = x + self.self_attn(self.norm1(x))
        return x + self.linear2(gelu(self.linear1(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    """The architecture of `minitx.models.gpt`, and its names, so that the weights load by name."""

    def __init__(self, vocab_size, max_len, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, embed_dim)
        self.position_embedding = nn.Embedding(max_len, embed_dim)
        layers = nn.ModuleList(Layer(embed_dim, num_heads, mlp_dim) for _ in range(depth))
        self.transformer = nn.ModuleDict({"layers": layers, "norm": nn.LayerNorm(embed_dim)})

    def forward(self, tokens):
        """Return the logits of the next token after each of `max_len` tokens."""
        x = self.token_embedding(tokens) + self.position_embedding.weight  # (B, T, D)
        for layer in self.transformer["layers"]:
            x = layer(x)
        return linear(self.transformer["norm"](x), self.token_embedding.weight)


def setup(folder, batch, length, **size):
    """Build the step, and make sure that it computes what minitx computes."""
    left = left_step(folder)
    weights = {name: torch.from_numpy(array) for name, array in below("weights/", left).items()}
    model = GPT(max_len=length, **size).train()
    model.load_state_dict(weights, strict=True)
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.from_numpy(left["tokens"])

    def loss_of(tokens):
        logits = model(tokens[:, :-1])
        return cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    loss = loss_of(tokens)
    loss.backward()
    found = agreement(model, loss.item(), left)

    def step():
        optimizer.zero_grad()
        loss_of(tokens).backward()
        optimizer.step()

    return {"difference": found}, {"PyTorch": step}
