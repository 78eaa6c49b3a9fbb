"""Layers: one concept, one file, each with its op, its hand-derived backward and its module.

Named, parameterised and laid out as in `torch.nn`, so that what is learned here carries over and a PyTorch `state_dict`
loads by name; but always batch-first, and with NumPy's `axis`.
"""

from minitx.nn.activations import GELU, ReLU, Sigmoid, Tanh
from minitx.nn.attention import MultiheadAttention
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d
from minitx.nn.causal_convolution import CausalConv1d
from minitx.nn.containers import ModuleList, Sequential
from minitx.nn.convolution import Conv1d, Conv2d
from minitx.nn.dropout import Dropout
from minitx.nn.embedding import Embedding
from minitx.nn.grid_positions import LearnedGridPositions
from minitx.nn.gru import GRU
from minitx.nn.linear import Linear
from minitx.nn.lstm import LSTM
from minitx.nn.module import Module, Parameter, shapes_only, watch_calls
from minitx.nn.normalization import LayerNorm
from minitx.nn.patches import PatchEmbedding
from minitx.nn.pooling import AvgPool2d, MaxPool2d
from minitx.nn.positions import SinusoidalPositionalEncoding
from minitx.nn.recurrent import RNN
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer
from minitx.nn.transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "CausalConv1d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "FrozenBatchNorm2d",
    "GELU",
    "GRU",
    "LSTM",
    "LayerNorm",
    "LearnedGridPositions",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "Parameter",
    "PatchEmbedding",
    "RNN",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SinusoidalPositionalEncoding",
    "Tanh",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "shapes_only",
    "watch_calls",
]
