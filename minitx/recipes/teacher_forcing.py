"""What the recipes for an encoder and a decoder share: the loss, batches, and answers that are right from end to end.

In training the decoder is given the right target, moved on by one place behind a start token, and must name the token
that comes next; the last is an end token:

    given     <start>  ein  und  zwanzig
    wanted    ein      und  zwanzig  <end>

All places are learned from at once. Where each wanted token is the likeliest, the decoder, had it been given its own
tokens instead, would have written the very same: so the share of such targets is the exact match of greedy decoding.

Source: Williams & Zipser 1989, "A learning algorithm for continually running fully recurrent neural networks" (teacher
forcing); Vaswani et al. 2017, section 5.4 (label smoothing). Lecture concept: encoder-decoder Transformer (D0 D1 D2 D3
D4). Notebook: 07.
"""

import numpy as np

from minitx.nn.losses import cross_entropy
from minitx.recipes.running import mean_of_batch
from minitx.text.decoding import beam_search
from minitx.text.vocabulary import END, PAD, START, pad_sequences


def pad_pairs(sources, targets):
    """Put sources and their targets into two arrays, each target between a start and an end token.

    Parameters
    ----------
    sources, targets : list of lists of int
        n of each.

    Returns
    -------
    source : ndarray of int, (n, S)
    target : ndarray of int, (n, T)

    Examples
    --------
    >>> source, target = pad_pairs([[5, 6], [7]], [[8], [9, 10]])
    >>> target
    array([[ 1,  8,  2,  0],
           [ 1,  9, 10,  2]])
    """
    return pad_sequences(sources)[0], pad_sequences([[START, *target, END] for target in targets])[0]


def count_tokens(rng, source, target):
    """Add how many wanted tokens the targets of the batch have on average: the `transform` of a loader.

    Examples
    --------
    >>> source, target = pad_pairs([[5, 6], [7]], [[8], [9, 10]])
    >>> count_tokens(None, source, target)[2]
    array([2.5, 2.5])
    """
    return source, target, mean_of_batch((target[:, 1:] != PAD).sum(axis=1))


def teacher_forcing_loss(model, source, target, tokens=None, label_smoothing=0.0):
    """Return the mean cross-entropy of all wanted tokens, and how many targets are right: for a `Trainer`.

    Parameters
    ----------
    model : Seq2SeqTransformer
    source : ndarray of int, (B, S)
    target : ndarray of int, (B, T)
        From `pad_pairs`.
    tokens : ndarray, (B,), optional
        From `count_tokens`, of the whole batch that these pairs are a part of. Default: they are all.
    label_smoothing : float
        As in `cross_entropy`.

    Returns
    -------
    loss : Tensor
    scores : dict
        "accuracy", 0-1: the share of targets of which every token is the likeliest.
    """
    given, wanted = target[:, :-1], target[:, 1:]
    logits = model(source, given)
    total = cross_entropy(
        logits.swapaxes(1, 2), wanted, ignore_index=PAD, reduction="sum", label_smoothing=label_smoothing
    )
    tokens = (wanted != PAD).sum() if tokens is None else len(target) * tokens[0]
    right = (logits.numpy().argmax(axis=2) == wanted) | (wanted == PAD)
    return total / tokens, {"accuracy": right.all(axis=1).mean().item()}


def answer_sources(model, sources, max_length, beam_width=1, batch_size=250):
    """Decode the answers to many sources, with cached keys and values.

    Parameters
    ----------
    model : Seq2SeqTransformer
    sources : list of lists of int
    max_length : int
        An answer is cut after so many tokens, its end counted.
    beam_width : int
        1 is greedy.
    batch_size : int
        Sources at a time, those of similar length together.

    Returns
    -------
    list of lists of int
        One answer for each source, in their order, without start and end.
    """
    model.eval()
    answers = [None] * len(sources)
    order = np.argsort([len(source) for source in sources], kind="stable")
    for start in range(0, len(sources), batch_size):
        chosen = order[start : start + batch_size]
        source, _ = pad_sequences([sources[i] for i in chosen])
        begin = np.full(len(chosen), START)
        found = beam_search(model.step, model.start(source), begin, END, max_length, beam_width)
        for i, (best,) in zip(chosen, found):
            answers[i] = best.tokens
    return answers
