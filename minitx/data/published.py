"""Numbers that others have published, for pictures beside our own: cited, not measured here."""

import math
from typing import NamedTuple


class TranslationResult(NamedTuple):
    """One line of a table of translation results; NaN where the table is empty.

    Attributes
    ----------
    model : str
    german_bleu, french_bleu : float
        BLEU of English to German and English to French, newstest2014.
    german_cost, french_cost : float
        Floating-point operations of the training, estimated by those who printed the table.
    """

    model: str
    german_bleu: float
    french_bleu: float
    german_cost: float
    french_cost: float


def translation_results():
    """Return what translation models reached in 2017, and at what cost of training.

    The cost of the two Transformers is printed once, across both languages; it stands under German here, as it does in
    the lecture (D1), and the big model's French BLEU is that of the first edition (41.8 in later ones).

    Returns
    -------
    list of TranslationResult

    References
    ----------
    Vaswani et al. 2017, "Attention is all you need", table 2, which names the sources of the other models.

    Examples
    --------
    >>> max(translation_results(), key=lambda result: result.german_bleu).model
    'Transformer (big)'
    """
    unknown = math.nan
    return [
        TranslationResult("ByteNet", 23.75, unknown, unknown, unknown),
        TranslationResult("Deep-Att + PosUnk", unknown, 39.2, unknown, 1.0e20),
        TranslationResult("GNMT + RL", 24.6, 39.92, 2.3e19, 1.4e20),
        TranslationResult("ConvS2S", 25.16, 40.46, 9.6e18, 1.5e20),
        TranslationResult("MoE", 26.03, 40.56, 2.0e19, 1.2e20),
        TranslationResult("Deep-Att + PosUnk Ensemble", unknown, 40.4, unknown, 8.0e20),
        TranslationResult("GNMT + RL Ensemble", 26.30, 41.16, 1.8e20, 1.1e21),
        TranslationResult("ConvS2S Ensemble", 26.36, 41.29, 7.7e19, 1.2e21),
        TranslationResult("Transformer (base)", 27.3, 38.1, 3.3e18, unknown),
        TranslationResult("Transformer (big)", 28.4, 41.0, 2.3e19, unknown),
    ]
