"""Batches for training: the examples of an epoch in a random order, cut into batches, the same on every run.

The order of an epoch is one random permutation, so every example is seen once. It depends on nothing but the seed
and the number of the epoch, and what a transform draws depends on nothing but these and the number of the batch:
training that stopped in the middle of an epoch goes on with the very batches that it would have seen.

Source: L. Bottou, "Stochastic Gradient Descent Tricks", 2012, section 3.1 (shuffle the examples).
Lecture decks D0-D3 (training Transformers); notebook 15.
"""

import numpy as np


class DataLoader:
    """Cut arrays that belong together into batches.

    Parameters
    ----------
    *arrays : array_like
        At least one, all with the same number n of examples on the first axis: images (n, C, H, W), labels (n,), ...
    batch_size : int
        Examples in a batch, B.
    shuffle : bool, optional
        Draw a new order for each epoch. Default: the order of the arrays.
    drop_last : bool, optional
        Leave out the last batch where it would be smaller than the others. Default: keep it.
    seed : int, optional
        Same seed, same orders and same transforms.
    transform : callable, optional
        ``transform(rng, *batch)`` gets a `numpy.random.Generator` of its own for each batch, and the batch's arrays,
        which it may change in place; it returns a tuple of arrays. For augmentation, for example `random_affine`.

    Attributes
    ----------
    epoch : int
        The epoch that the next plain iteration will run; 0 at first.

    Raises
    ------
    ValueError
        If the arrays differ in length or are empty, if ``drop_last`` leaves no batch, or if ``batch_size`` or ``seed``
        is not a fitting whole number.

    Examples
    --------
    >>> x, y = np.arange(5) * 10, np.arange(5)
    >>> loader = DataLoader(x, y, batch_size=2)
    >>> len(loader)
    3
    >>> for batch_x, batch_y in loader:
    ...     print(batch_x, batch_y)
    [ 0 10] [0 1]
    [20 30] [2 3]
    [40] [4]

    An epoch re-entered in the middle gives what it would have given:

    >>> loader = DataLoader(x, y, batch_size=2, shuffle=True, seed=1)
    >>> whole, rest = list(loader.batches(epoch=7)), list(loader.batches(epoch=7, start=1))
    >>> all(np.array_equal(a, b) for old, new in zip(whole[1:], rest) for a, b in zip(old, new))
    True
    """

    def __init__(self, *arrays, batch_size, shuffle=False, drop_last=False, seed=0, transform=None):
        if not arrays:
            raise ValueError("DataLoader: no arrays were given.\nPass at least one, such as images and labels.")
        self.arrays = tuple(np.asarray(array) for array in arrays)
        shapes = ", ".join(str(array.shape) for array in self.arrays)
        if any(array.ndim == 0 for array in self.arrays):
            raise ValueError(f"DataLoader: got shapes {shapes}.\nEvery array needs a first axis, one entry an example.")
        if len({len(array) for array in self.arrays}) > 1:
            raise ValueError(
                f"DataLoader: the arrays differ in length, got shapes {shapes}.\n"
                "The first axis counts the examples and has to be the same in all."
            )
        self.batch_size = _whole_number("batch_size", batch_size, least=1)
        self.seed = _whole_number("seed", seed, least=0)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.transform = transform
        self.epoch = 0
        if len(self.arrays[0]) == 0:
            raise ValueError(f"DataLoader: the arrays are empty, got shapes {shapes}.\nCheck how they were selected.")
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: {len(self.arrays[0])} examples give no batch of {self.batch_size} with drop_last=True.\n"
                f"Choose a batch_size of at most {len(self.arrays[0])} or drop_last=False."
            )

    def __len__(self):
        """Number of batches in an epoch."""
        full, left_over = divmod(len(self.arrays[0]), self.batch_size)
        return full + (left_over > 0 and not self.drop_last)

    def __iter__(self):
        """Run the next epoch: the first iteration runs epoch 0, the second epoch 1, and so on."""
        self.epoch += 1
        return self.batches(self.epoch - 1)

    def batches(self, epoch, start=0):
        """Yield the batches of one epoch, from batch number ``start`` on.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.
        start : int, optional
            Number of the first batch wanted, from 0; with ``len(loader)`` the epoch is over and nothing comes.

        Yields
        ------
        tuple of ndarray
            One array for each array of the loader, in copies that may be changed, or what the transform returns.

        Raises
        ------
        ValueError
            If ``epoch`` is not a whole number from 0, or ``start`` not one from 0 to ``len(loader)``.

        Examples
        --------
        >>> loader = DataLoader(np.arange(6), batch_size=2)
        >>> list(loader.batches(epoch=0, start=1))
        [(array([2, 3]),), (array([4, 5]),)]
        """
        epoch = _whole_number("epoch", epoch, least=0)
        start = _whole_number("start", start, least=0)
        if start > len(self):
            raise ValueError(
                f"DataLoader: start={start}, but an epoch has only {len(self)} batches.\n"
                f"Choose 0 to {len(self)}; was the place saved with another batch_size?"
            )
        return self._yield_batches(epoch, start)

    def epoch_order(self, epoch):
        """Return the numbers of all examples in the order in which an epoch shows them.

        Parameters
        ----------
        epoch : int

        Returns
        -------
        ndarray of int, (n,)

        Examples
        --------
        >>> DataLoader(np.arange(6), batch_size=2, shuffle=True).epoch_order(0)
        array([5, 3, 0, 1, 2, 4])
        """
        count = len(self.arrays[0])
        return self._generator(epoch).permutation(count) if self.shuffle else np.arange(count)

    def _yield_batches(self, epoch, start):
        order = self.epoch_order(epoch)
        for number in range(start, len(self)):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            batch = tuple(array[chosen] for array in self.arrays)
            if self.transform is not None:
                batch = self.transform(self._generator(epoch, number), *batch)
                if not isinstance(batch, tuple):
                    raise ValueError(
                        f"DataLoader: the transform returned {type(batch).__name__}, not a tuple of arrays.\n"
                        "Return the whole batch, for example (images, labels); for a single array (images,)."
                    )
            yield batch

    def _generator(self, *place):
        """Make a generator that depends on the seed and on (epoch,) or (epoch, batch number), and on nothing else."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=place))


def _whole_number(name, value, least):
    if not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"DataLoader: {name}={value!r} does not fit.\nPass a whole number, at least {least}.")
    return int(value)
