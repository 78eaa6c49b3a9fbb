"""Batches of sequences that are about equally long, so that little of the work is spent on padding.

Sequences of different lengths share an array, the short ones filled up with padding, and a batch costs as much as its
longest sequence. So an epoch shuffles all sequences, sorts them by length, and shuffles the batches again: a batch
holds equals, and still each epoch has batches of its own, in an order of its own.

Source: Vaswani et al. 2017, "Attention is all you need", section 5.1 (batches of similar length). Lecture concept: the
Transformer's training (D1). Notebook: 07.
"""

import numpy as np

from minitx.data.loader import DataLoader


class SimilarLengthLoader(DataLoader):
    """Cut arrays of padded sequences into batches of similar length, without the padding that a batch does not need.

    Parameters
    ----------
    *arrays : array_like of int
        Each (n, T): n sequences, padded at their ends to T. All batches are sorted by the total length.
    batch_size : int
        Sequences in a batch, B.
    pad : int
        The padding.
    shuffle, seed, transform
        As in `DataLoader`; the transform gets the sequences without that padding.

    Raises
    ------
    ValueError
        If an array is not of two axes, and as `DataLoader` does.

    Examples
    --------
    >>> sequences = np.array([[5, 0, 0], [6, 7, 8], [9, 0, 0], [3, 2, 1]])
    >>> for (batch,) in SimilarLengthLoader(sequences, batch_size=2, shuffle=True):
    ...     print(batch.tolist())
    [[5], [9]]
    [[6, 7, 8], [3, 2, 1]]
    """

    def __init__(self, *arrays, batch_size, pad=0, shuffle=False, seed=0, transform=None):
        super().__init__(*arrays, batch_size=batch_size, shuffle=shuffle, seed=seed, transform=self._trim)
        for array in self.arrays:
            if array.ndim != 2:
                raise ValueError(
                    f"SimilarLengthLoader: got an array of shape {array.shape}, expected (sequences, tokens).\n"
                    "Pad the sequences to one array; pad_sequences does that."
                )
        self.pad = pad
        self.after_trimming = transform
        self.lengths = np.sum([(array != pad).sum(axis=1) for array in self.arrays], axis=0)

    def epoch_order(self, epoch):
        """Return the numbers of all sequences: in batches of similar length, the smaller last batch at the end.

        Parameters
        ----------
        epoch : int

        Returns
        -------
        ndarray of int, (n,)

        Examples
        --------
        >>> SimilarLengthLoader(np.array([[1, 0], [1, 1], [1, 0]]), batch_size=2).epoch_order(0)
        array([0, 2, 1])
        """
        order = super().epoch_order(epoch)
        order = order[np.argsort(self.lengths[order], kind="stable")]
        if not self.shuffle:
            return order
        whole = len(order) // self.batch_size * self.batch_size
        batches = order[:whole].reshape(-1, self.batch_size)
        shuffled = batches[self._generator(epoch, len(self)).permutation(len(batches))]
        return np.concatenate([shuffled.ravel(), order[whole:]])

    def _trim(self, rng, *batch):
        """Cut the columns off in which every sequence of the batch has ended."""
        batch = tuple(array[:, : max(1, (array != self.pad).sum(axis=1).max())] for array in batch)
        return batch if self.after_trimming is None else self.after_trimming(rng, *batch)
