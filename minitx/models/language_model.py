"""A recurrent language model: read the tokens so far, keep them in a state, predict the next one.

    h_t = cell(E[y_t], h_{t-1})        p(y_{t+1} | y_1 ... y_t) = softmax(W h_t + b)

In training the whole text is known, so all positions are predicted in one pass, each from its true predecessors
("teacher forcing"), and the loss is the mean cross-entropy. In writing, one token after the other is fed back, and the
state is all that the model remembers of the text.

Source: Mikolov et al. 2010, "Recurrent neural network based language model"; Graves 2013, "Generating sequences with
recurrent neural networks", sections 2 and 3; Zaremba et al. 2014, section 3.1 (where dropout goes). Lecture concept:
text generation (D4), RNN, LSTM and GRU (D0 D1 D2 D4). Notebook: 02.
"""

import numpy as np

from minitx.autograd.tensor import no_grad
from minitx.nn.dropout import dropout
from minitx.nn.embedding import Embedding
from minitx.nn.gru import GRU
from minitx.nn.linear import Linear
from minitx.nn.lstm import LSTM
from minitx.nn.module import Module
from minitx.nn.recurrent import RNN
from minitx.nn.softmax import log_softmax

LANGUAGE_MODEL_CELLS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


class LanguageModel(Module):
    """Embedding, recurrent layers, and a linear layer that gives a logit for every token.

    Parameters
    ----------
    vocab_size : int
        Number of tokens, V.
    embed_dim : int
        Width of the token vectors.
    hidden_size : int
        Width of the state, H.
    cell : {"LSTM", "GRU", "RNN"}
        What carries the state from token to token.
    num_layers : int
        Recurrent layers, each reading the outputs of the one before.
    dropout : float
        Probability with which a number is dropped in training, wherever it goes up: into, between and out of the
        layers. From step to step nothing is dropped.

    Raises
    ------
    ValueError
        If there is no such cell.

    Examples
    --------
    >>> model = LanguageModel(vocab_size=20, embed_dim=8, hidden_size=16, cell="GRU")
    >>> logits, state = model(np.array([[5, 6, 7], [8, 9, 10]]))
    >>> logits.shape, state.shape
    ((2, 3, 20), (1, 2, 16))

    Reading on from the state equals reading all at once:

    >>> whole, _ = model(np.array([[5, 6, 7, 4], [8, 9, 10, 4]]))
    >>> last, _ = model(np.array([[4], [4]]), state)
    >>> np.allclose(whole.numpy()[:, 3:], last.numpy(), atol=1e-6)
    True
    """

    def __init__(self, vocab_size, embed_dim, hidden_size, cell="LSTM", num_layers=1, dropout=0.0):
        super().__init__()
        if cell not in LANGUAGE_MODEL_CELLS:
            raise ValueError(
                f"LanguageModel: there is no cell {cell!r}; choose {', '.join(map(repr, LANGUAGE_MODEL_CELLS))}."
            )
        self.cell = cell
        self.dropout = dropout
        self.embedding = Embedding(vocab_size, embed_dim)
        self.recurrent = LANGUAGE_MODEL_CELLS[cell](embed_dim, hidden_size, num_layers, dropout=dropout)
        self.head = Linear(hidden_size, vocab_size)

    def check_inputs(self, inputs, options):
        """Leave the check to the embedding, which reads token numbers, and to the recurrent layers."""

    def forward(self, tokens, state=None):
        """Predict the token after each of these.

        Parameters
        ----------
        tokens : array_like of int
            Shape (B, T).
        state : Tensor or ndarray, or pair of them for an LSTM, optional
            What was read before, as this returned it; by default nothing.

        Returns
        -------
        logits : Tensor
            Shape (B, T, V); row t is about token t + 1.
        state : Tensor, or (h, c) for an LSTM
            Each (layers, B, H).

        Raises
        ------
        ValueError
            If `tokens` are not rows of numbers.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise ValueError(
                f"LanguageModel: tokens have shape {tokens.shape}, expected (B, T).\n"
                "Give one row of token numbers for each text; np.array([numbers]) makes one of a single text."
            )
        x = dropout(self.embedding(tokens), self.dropout, self.training)
        x, state = self.recurrent(x, state)  # (B, T, H)
        return self.head(dropout(x, self.dropout, self.training)), state

    def step(self, tokens, state=None):
        """Read one more token of each text and predict the next: what `minitx.text.decoding` calls.

        Parameters
        ----------
        tokens : array_like of int
            Shape (R,).
        state : tuple of ndarray, optional
            As this returned it: the texts come first, each (R, layers, H). By default nothing was read before.

        Returns
        -------
        log_probabilities : ndarray
            Shape (R, V).
        state : tuple of ndarray
            (h,), or (h, c) for an LSTM.

        Examples
        --------
        >>> model = LanguageModel(vocab_size=20, embed_dim=8, hidden_size=16).eval()
        >>> log_p, state = model.step([5, 6])
        >>> log_p, state = model.step([7, 8], state)
        >>> log_p.shape, [part.shape for part in state]
        ((2, 20), [(2, 1, 16), (2, 1, 16)])
        """
        if state is not None:
            state = [part.swapaxes(0, 1) for part in state]  # (layers, R, H)
            state = tuple(state) if self.cell == "LSTM" else state[0]
        with no_grad():
            logits, state = self(np.asarray(tokens)[:, None], state)
        state = state if self.cell == "LSTM" else (state,)
        return log_softmax(logits.numpy()[:, 0]), tuple(part.numpy().swapaxes(0, 1) for part in state)
