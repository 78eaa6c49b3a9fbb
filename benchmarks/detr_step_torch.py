"""The training step of the tiny DETR in PyTorch eager, with SciPy's matching and the weights that minitx left.

The model is made of `torch.nn`; the loss treats the decoder's layers as so many more images, so that there is one
matrix of costs, one transfer to SciPy and one loss for all of them: as quick as can be written without compiling.
"""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn.functional import cross_entropy, relu

from benchmarks.agreement import agreement, below, left_step


class Attention(nn.MultiheadAttention):
    """Multi-head attention without its weights, which nobody asks for in training."""

    def __init__(self, embed_dim, num_heads):
        super().__init__(embed_dim, num_heads, batch_first=True)

    def forward(self, query, key, value):
        """Return the output alone."""
        return super().forward(query, key, value, need_weights=False)[0]


class EncoderLayer(nn.Module):
    """Self-attention of the cells; post-norm, positions in queries and keys."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, positions):
        """Map tokens (B, N, D) to tokens."""
        placed = x + positions
        x = self.norm1(x + self.self_attn(placed, placed, x))
        return self.norm2(x + self.linear2(relu(self.linear1(x))))


class DecoderLayer(nn.Module):
    """Self-attention of the queries, then attention to the image; post-norm."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.self_attn, self.multihead_attn = Attention(width, heads), Attention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x, keys, memory, query_positions):
        """Map queries (B, Q, D) to queries."""
        placed = x + query_positions
        x = self.norm1(x + self.self_attn(placed, placed, x))
        x = self.norm2(x + self.multihead_attn(x + query_positions, keys, memory))
        return self.norm3(x + self.linear2(relu(self.linear1(x))))


class DETR(nn.Module):
    """The architecture of `minitx.models.detr`, and its names, so that the weights load by name."""

    def __init__(self, positions, num_classes, num_more, num_queries, hidden_dim, nheads, *, layers, hidden):
        super().__init__()
        width = hidden_dim
        convolutions = {
            "conv1": nn.Conv2d(3, width // 4, 3, stride=2, padding=1),
            "conv2": nn.Conv2d(width // 4, width // 2, 3, stride=2, padding=1),
            "conv3": nn.Conv2d(width // 2, width, 3, padding=1),
            "more": nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(num_more)),
        }
        self.backbone = nn.ModuleDict(convolutions)
        self.input_proj = nn.Conv2d(width, width, 1)
        settings = width, nheads, hidden
        encoder = {"layers": nn.ModuleList(EncoderLayer(*settings) for _ in range(layers[0]))}
        decoder = {"layers": nn.ModuleList(DecoderLayer(*settings) for _ in range(layers[1]))}
        decoder["norm"] = nn.LayerNorm(width)
        self.transformer = nn.ModuleDict({"encoder": nn.ModuleDict(encoder), "decoder": nn.ModuleDict(decoder)})
        self.query_embed = nn.Embedding(num_queries, width)
        self.class_embed = nn.Linear(width, num_classes + 1)
        self.bbox_embed = nn.ModuleDict({"layers": nn.ModuleList(nn.Linear(width, out) for out in (width, width, 4))})
        self.register_buffer("positions", positions, persistent=False)

    def forward(self, images):
        """Return logits (L, B, Q, C + 1) and boxes (L, B, Q, 4) of all decoder layers."""
        x = 2 * images - 1
        for name in ("conv1", "conv2", "conv3"):
            x = relu(self.backbone[name](x))
        for convolution in self.backbone["more"]:
            x = x + relu(convolution(x))
        memory = self.input_proj(x).flatten(2).transpose(1, 2)  # (B, N, D)
        for layer in self.transformer["encoder"]["layers"]:
            memory = layer(memory, self.positions)
        keys = memory + self.positions
        queries = self.query_embed.weight
        x, outputs = queries.new_zeros(len(images), *queries.shape), []
        for layer in self.transformer["decoder"]["layers"]:
            x = layer(x, keys, memory, queries)
            outputs.append(x)
        x = hidden = self.transformer["decoder"]["norm"](torch.stack(outputs))
        first, second, last = self.bbox_embed["layers"]
        return self.class_embed(hidden), last(relu(second(relu(first(x))))).sigmoid()


class SetLoss:
    """The set loss over all decoder layers at once; every image has fewer objects than there are queries."""

    def __init__(self, labels, boxes, num_classes, weights, eos):
        self.labels, self.boxes = labels, boxes  # (B, M), -1 where there is none, and (B, M, 4)
        self.counts = (labels >= 0).sum(dim=1).tolist()
        self.objects = max(sum(self.counts), 1)
        self.weights = weights
        self.of_classes = torch.ones(num_classes + 1)
        self.of_classes[-1] = eos

    def __call__(self, logits, boxes):
        """Return the weighted sum of the losses of all layers."""
        image, query, thing = self.match(logits, boxes)  # (K,) each
        layers, batch = logits.shape[:2]
        logits, boxes = logits.flatten(0, 1), boxes.flatten(0, 1)  # (L·B, Q, ...)
        wanted = torch.full(logits.shape[:2], len(self.of_classes) - 1)
        wanted[image, query] = self.labels[image % batch, thing]
        # every layer has as many matches, so the weighted mean over all is the mean of the layers' weighted means
        of_class = layers * cross_entropy(logits.flatten(0, 1), wanted.flatten(), self.of_classes)
        found, true = boxes[image, query], self.boxes[image % batch, thing]
        apart = (found - true).abs().sum() / self.objects
        overlap = (1 - generalized_iou(found, true)).sum() / self.objects
        return self.weights[0] * of_class + self.weights[1] * apart + self.weights[2] * overlap

    @torch.no_grad()
    def match(self, logits, boxes):
        """Return of each pair the image (numbered through all layers), the query and the object."""
        here = self.labels.clamp(min=0)[None, :, None].expand(*logits.shape[:3], -1)  # (L, B, Q, M)
        costs = -logits.softmax(-1).gather(-1, here)
        apart = (boxes[..., None, :] - self.boxes[:, None]).abs().sum(-1)
        costs = costs + 5 * apart - 2 * generalized_iou(boxes[..., None, :], self.boxes[:, None])
        costs = costs.flatten(0, 1).numpy()
        counts = self.counts * len(logits)
        pairs = [linear_sum_assignment(cost[:, :count]) for cost, count in zip(costs, counts)]
        image = np.repeat(np.arange(len(counts)), counts)
        query, thing = np.concatenate(pairs, axis=1)
        return torch.from_numpy(image), torch.from_numpy(query), torch.from_numpy(thing)


def generalized_iou(a, b):
    """Return the generalized IoU of boxes (..., 4), given as centre and size, with their partners."""
    low_a, high_a, low_b, high_b = (
        box[..., :2] + sign * box[..., 2:] / 2 for box, sign in ((a, -1), (a, 1), (b, -1), (b, 1))
    )
    common = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common
    hull = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(-1)
    return common / union + union / hull - 1


def setup(folder, batch, num_more, num_encoder_layers, num_decoder_layers, dim_feedforward, **size):
    """Build the step, and make sure that it computes what minitx computes."""
    left = left_step(folder)
    weights = {name: torch.from_numpy(array) for name, array in below("weights/", left).items()}
    images, labels, boxes, positions = (
        torch.from_numpy(left[name]) for name in ("images", "labels", "boxes", "positions")
    )
    classes = len(weights["class_embed.bias"]) - 1
    layers = num_encoder_layers, num_decoder_layers
    model = DETR(positions, classes, num_more, **size, layers=layers, hidden=dim_feedforward).train()
    model.load_state_dict(weights, strict=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=float(left["lr"]), weight_decay=1e-4)
    criterion = SetLoss(labels, boxes, classes, left["weights_of_losses"].tolist(), float(left["eos"]))

    loss = criterion(*model(images))
    loss.backward()
    found = agreement(model, loss.item(), left)

    def step():
        optimizer.zero_grad()
        criterion(*model(images)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return {"difference": found}, {"PyTorch": step}
