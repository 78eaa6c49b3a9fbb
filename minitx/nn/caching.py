"""A cache of keys and values: what attention has computed of the tokens so far, kept for all tokens to come.

Each new token adds one row. If it were joined to the others every time, T tokens would copy 1 + 2 + ... + T ≈ T²/2
rows. So the rows stand at the front of arrays that are longer than needed, and a new one is written behind them, where
it disturbs no view of the rows before it. When the room is used up, all rows move into arrays twice as long: the moves
of all times together copy 1 + 2 + 4 + ... + T < 2T rows.

Source: Cormen et al. 2009, section 17.4 (table doubling); Shazeer 2019, section 2.4 (decoding with kept keys and
values). Lecture concept: decoding (D1). Notebooks: 07, 09.
"""

import numpy as np

LEAST_ROOM = 32  # tokens: fewer are not worth a second move


class KeyValueCache(tuple):
    """Keys and values of the S tokens so far: a pair of arrays, each (B, H, S, D/H); empty at the start.

    A tuple like any other: unpack it, or pick sequences by `tuple(array[rows] for array in cache)`. It never changes;
    `append` returns a new one, which shares its memory where it can: the first to be appended to a cache gets the room
    behind it, and whatever is appended to the same cache later gets arrays of its own.

    Examples
    --------
    >>> new = np.ones((5, 2, 1, 4), np.float32)
    >>> one = KeyValueCache().append(new, new)
    >>> two = one.append(new, new)
    >>> two[0].shape, np.shares_memory(two[0], one[0])
    ((5, 2, 2, 4), True)
    >>> other = one.append(new, new)
    >>> np.shares_memory(other[0], one[0])
    False
    """

    def __reduce__(self):  # what copies and pickles are made from: the rows, without the room, which is for one alone
        return type(self), (tuple(self),)

    def append(self, keys, values):
        """Return the cache of these tokens too.

        Parameters
        ----------
        keys, values : ndarray
            Shape (B, H, n, D/H): those of the n tokens that come next.

        Returns
        -------
        KeyValueCache
            Of S + n tokens.
        """
        kept = self[0].shape[-2] if self else 0
        total = kept + keys.shape[-2]
        room = vars(self).pop("room", None)  # taken in one go, so that of two threads only one gets it
        if room is None or room[0].shape[-2] < total:
            *batch, _, width = keys.shape
            room = [np.empty((*batch, max(2 * total, LEAST_ROOM), width), keys.dtype) for _ in range(2)]
            for array, old in zip(room, self):
                array[..., :kept, :] = old
        for array, new in zip(room, (keys, values)):
            array[..., kept:total, :] = new
        grown = KeyValueCache(array[..., :total, :] for array in room)
        grown.room = room
        return grown
