"""BERT and its masked-word head against the same model built from PyTorch's layers, in float64."""

import numpy as np
import pytest

from minitx.models.bert import BERT, MaskedLanguageModel
from tests.parity.comparing import assert_close, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

SIZES = {"vocab_size": 13, "max_len": 7, "embed_dim": 8, "depth": 2, "num_heads": 2, "mlp_dim": 12}
TOKENS = np.array([[3, 5, 7, 9, 5], [1, 2, 3, 12, 0]])
SEGMENTS = np.array([[0, 0, 1, 1, 1], [0, 1, 1, 1, 0]])
PADDING = np.array([[False] * 5, [False] * 3 + [True] * 2])


class TorchMaskedLanguageModel(torch.nn.Module):
    """The same parameters under the same names."""

    def __init__(self, vocab_size, max_len, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            mlp_dim,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-12,
            batch_first=True,
            norm_first=False,
        )
        self.bert = torch.nn.ModuleDict(
            {
                "embeddings": torch.nn.ModuleDict(
                    {
                        "word": torch.nn.Embedding(vocab_size, embed_dim),
                        "position": torch.nn.Embedding(max_len, embed_dim),
                        "token_type": torch.nn.Embedding(2, embed_dim),
                        "norm": torch.nn.LayerNorm(embed_dim, eps=1e-12),
                    }
                ),
                "encoder": torch.nn.TransformerEncoder(layer, depth, enable_nested_tensor=False),
                "pooler": torch.nn.Linear(embed_dim, embed_dim),
            }
        )
        self.dense = torch.nn.Linear(embed_dim, embed_dim)
        self.norm = torch.nn.LayerNorm(embed_dim, eps=1e-12)
        self.bias = torch.nn.Parameter(torch.zeros(vocab_size))
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.3)

    def read(self, tokens, segments, padding):
        tables = self.bert["embeddings"]
        x = tables["word"](tokens) + tables["position"](torch.arange(tokens.shape[1])) + tables["token_type"](segments)
        hidden = self.bert["encoder"](tables["norm"](x), src_key_padding_mask=padding)
        return hidden, torch.tanh(self.bert["pooler"](hidden[:, 0]))

    def forward(self, tokens, segments, padding):
        hidden, _ = self.read(tokens, segments, padding)
        hidden = self.norm(torch.nn.functional.gelu(self.dense(hidden)))
        return torch.nn.functional.linear(hidden, self.bert["embeddings"]["word"].weight, self.bias)


@pytest.mark.parametrize("padding", [None, PADDING], ids=["whole", "padded"])
def test_outputs_and_gradients(padding):
    torch.manual_seed(0)
    theirs = TorchMaskedLanguageModel(**SIZES).double()
    ours = MaskedLanguageModel(BERT(**SIZES, dropout=0.0)).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())
    inputs = [None if array is None else torch.tensor(array) for array in (TOKENS, SEGMENTS, padding)]

    expected, (_, expected_pooled) = theirs(*inputs), theirs.read(*inputs)
    logits, (_, pooled) = ours(TOKENS, SEGMENTS, padding), ours.bert(TOKENS, SEGMENTS, padding)
    assert_close(logits.numpy(), expected)
    assert_close(pooled.numpy(), expected_pooled)

    cotangents = normal(2, 5, 13), normal(2, 8)
    ((logits * cotangents[0]).sum() + (pooled * cotangents[1]).sum()).backward()
    cotangents = [torch.tensor(cotangent) for cotangent in cotangents]
    ((expected * cotangents[0]).sum() + (expected_pooled * cotangents[1]).sum()).backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert {name for name, _ in ours.named_parameters()} == set(gradients)
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[name])


def test_covered_words_cost_the_same():
    torch.manual_seed(0)
    theirs = TorchMaskedLanguageModel(**SIZES).double()
    ours = MaskedLanguageModel(BERT(**SIZES, dropout=0.0)).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())
    targets = np.where(TOKENS == 3, TOKENS, -100)
    chosen = targets != -100
    logits = theirs(torch.tensor(TOKENS), torch.zeros_like(torch.tensor(TOKENS)), None)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten())
    log_p = ours(TOKENS, chosen=chosen).numpy()
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    assert_close(-log_p[np.arange(2), targets[chosen]].mean(), expected)
