"""Copy and reverse: the two smallest tasks that need a sequence to be read whole before it is written.

    copy       7 1 4 9  ->  7 1 4 9
    reverse    7 1 4 9  ->  9 4 1 7

Which token comes next depends on where it stands in the source, and on nothing else: attention has to look at places.
The sequences are random, so there is nothing to remember from one to the next, and the share of new ones that come out
right from end to end tells whether the rule was learned.

Source: Graves et al. 2014, "Neural Turing machines", section 4.1 (copy); Sutskever et al. 2014, "Sequence to sequence
learning", section 3.3 (reversal). Lecture concept: encoder-decoder Transformer (D0 D1 D2 D3 D4). Notebook: 07.
"""

import numpy as np

COPYING_TASKS = ("copy", "reverse")


def random_sequences(count, num_symbols, shortest, longest, seed=0):
    """Draw different sequences of random symbols.

    Parameters
    ----------
    count : int
        How many, n.
    num_symbols : int
        Symbols are the numbers 0 to `num_symbols` - 1.
    shortest, longest : int
        Lengths are drawn uniformly from this range, both included.
    seed : int
        Same seed, same sequences.

    Returns
    -------
    list of list of int
        No two are equal, so what is cut off one end was never seen at the other.

    Raises
    ------
    ValueError
        If the lengths are no range from 1 on, or there are too few different sequences to find `count` of them.

    Examples
    --------
    >>> random_sequences(3, num_symbols=10, shortest=2, longest=4)
    [[6, 5, 2, 3], [0, 0], [8, 6]]
    """
    if not 1 <= shortest <= longest:
        raise ValueError(
            f"random_sequences: shortest={shortest} and longest={longest} are no range of lengths.\n"
            "Choose 1 <= shortest <= longest."
        )
    most = num_symbols**shortest  # the fewest that any length has; lengths are drawn evenly
    if count > most * (longest - shortest + 1) // 2:
        raise ValueError(
            f"random_sequences: cannot find count={count} different sequences of {num_symbols} symbols, as there are "
            f"only {most} of length {shortest}.\nChoose fewer sequences, longer ones, or more symbols."
        )
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        length = rng.integers(shortest, longest + 1)
        found[tuple(rng.integers(num_symbols, size=length).tolist())] = None
    return [list(sequence) for sequence in found]


def copying_target(task, sequence):
    """Return the right answer to a sequence.

    Parameters
    ----------
    task : {"copy", "reverse"}
    sequence : list

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If there is no such task.

    Examples
    --------
    >>> copying_target("copy", [7, 1, 4]), copying_target("reverse", [7, 1, 4])
    ([7, 1, 4], [4, 1, 7])
    """
    if task not in COPYING_TASKS:
        raise ValueError(f"copying_target: there is no task {task!r}.\nChoose one of {', '.join(COPYING_TASKS)}.")
    return sequence[::-1] if task == "reverse" else list(sequence)
