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


class DetectionResult(NamedTuple):
    """One line of a table of object detectors, on the 5,000 validation images of COCO 2017.

    Attributes
    ----------
    model : str
    gflops, images_per_second : int
        Work for one image, and speed on one V100, as those who printed the table measured them.
    parameters : int
        Rounded to millions.
    ap, ap50, ap75, ap_small, ap_medium, ap_large : float
        Average precision in per cent: the mean over ten thresholds of IoU, at .5, at .75, and of objects below 32²,
        between, and above 96² pixels.
    """

    model: str
    gflops: int
    images_per_second: int
    parameters: int
    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float


def detection_results():
    """Return what DETR and Faster R-CNN reached on COCO in 2020; "+" marks a longer training, with DETR's augmentation.

    Returns
    -------
    list of DetectionResult

    References
    ----------
    Carion et al. 2020, "End-to-end object detection with Transformers", table 1; the lecture prints it (D0 D1).

    Examples
    --------
    >>> results = {result.model: result for result in detection_results()}
    >>> ours, theirs = results["DETR"], results["Faster RCNN-FPN+"]
    >>> ours.ap == theirs.ap, round(ours.ap_large - theirs.ap_large, 1), round(ours.ap_small - theirs.ap_small, 1)
    (True, 7.7, -6.1)
    """
    million = 1_000_000
    return [
        DetectionResult("Faster RCNN-DC5", 320, 16, 166 * million, 39.0, 60.5, 42.3, 21.4, 43.5, 52.5),
        DetectionResult("Faster RCNN-FPN", 180, 26, 42 * million, 40.2, 61.0, 43.8, 24.2, 43.5, 52.0),
        DetectionResult("Faster RCNN-R101-FPN", 246, 20, 60 * million, 42.0, 62.5, 45.9, 25.2, 45.6, 54.6),
        DetectionResult("Faster RCNN-DC5+", 320, 16, 166 * million, 41.1, 61.4, 44.3, 22.9, 45.9, 55.0),
        DetectionResult("Faster RCNN-FPN+", 180, 26, 42 * million, 42.0, 62.1, 45.5, 26.6, 45.4, 53.4),
        DetectionResult("Faster RCNN-R101-FPN+", 246, 20, 60 * million, 44.0, 63.9, 47.8, 27.2, 48.1, 56.0),
        DetectionResult("DETR", 86, 28, 41 * million, 42.0, 62.4, 44.2, 20.5, 45.8, 61.1),
        DetectionResult("DETR-DC5", 187, 12, 41 * million, 43.3, 63.1, 45.9, 22.5, 47.3, 61.1),
        DetectionResult("DETR-R101", 152, 20, 60 * million, 43.5, 63.8, 46.4, 21.9, 48.0, 61.8),
        DetectionResult("DETR-DC5-R101", 253, 10, 60 * million, 44.9, 64.7, 47.7, 23.7, 49.5, 62.3),
    ]


class PositionResult(NamedTuple):
    """One line of the table of what DETR reaches with positions in other places, on COCO 2017.

    Attributes
    ----------
    encoder, decoder, queries : str
        Which positions, and where they are added: once at the input, or in every attention.
    ap, ap50 : float
        Average precision in per cent.
    printed_ap_change, printed_ap50_change : float
        The differences to the last line as the table prints them.
    """

    encoder: str
    decoder: str
    queries: str
    ap: float
    printed_ap_change: float
    ap50: float
    printed_ap50_change: float


def position_results():
    """Return DETR's average precision with other positions; the last line is the model as published.

    Two of the printed differences of AP50 are not those of the printed numbers: 55.2 - 61.6 is -6.4, not -6.5, and
    60.3 - 61.6 is -1.3, not -1.4. Differences of numbers before rounding would explain both.

    Returns
    -------
    list of PositionResult

    References
    ----------
    Carion et al. 2020, "End-to-end object detection with Transformers", table 3; the lecture prints it (D0).

    Examples
    --------
    >>> *others, published = position_results()
    >>> [(round(line.ap50 - published.ap50, 1), line.printed_ap50_change) for line in others]
    [(-6.4, -6.5), (-1.6, -1.6), (-0.9, -0.9), (-1.3, -1.4)]
    """
    at_input, at_attention = "learned at input", "learned at attention"
    return [
        PositionResult("none", "none", at_input, 32.8, -7.8, 55.2, -6.5),
        PositionResult("sine at input", "sine at input", at_input, 39.2, -1.4, 60.0, -1.6),
        PositionResult(at_attention, at_attention, at_attention, 39.6, -1.0, 60.7, -0.9),
        PositionResult("none", "sine at attention", at_attention, 39.3, -1.3, 60.3, -1.4),
        PositionResult("sine at attention", "sine at attention", at_attention, 40.6, 0.0, 61.6, 0.0),
    ]


class PanopticResult(NamedTuple):
    """One line of a table of panoptic segmentation, in percent, on the 5,000 images of COCO val2017.

    Attributes
    ----------
    model, backbone : str
    pq, sq, rq : float
        Panoptic, segmentation and recognition quality, the mean over the 133 classes.
    pq_things, sq_things, rq_things : float
        Over the 80 classes of things.
    pq_stuff, sq_stuff, rq_stuff : float
        Over the 53 classes of stuff.
    mask_ap : float
        Average precision of the masks of things.
    """

    model: str
    backbone: str
    pq: float
    sq: float
    rq: float
    pq_things: float
    sq_things: float
    rq_things: float
    pq_stuff: float
    sq_stuff: float
    rq_stuff: float
    mask_ap: float


def panoptic_results():
    """Return how well models cut up images in 2020.

    Returns
    -------
    list of PanopticResult

    References
    ----------
    Carion et al. 2020, "End-to-end object detection with transformers", table 5 (deck D1); PanopticFPN++ is their own
    better-trained version of Kirillov et al. 2019, UPSnet is from Xiong et al. 2019.

    Examples
    --------
    >>> best = max(panoptic_results(), key=lambda result: result.pq)
    >>> best.model, best.backbone, best.pq
    ('DETR-R101', 'R101', 45.1)
    >>> round((80 * best.pq_things + 53 * best.pq_stuff) / 133, 1)
    45.1
    """
    return [
        PanopticResult("PanopticFPN++", "R50", 42.4, 79.3, 51.6, 49.2, 82.4, 58.8, 32.3, 74.8, 40.6, 37.7),
        PanopticResult("UPSnet", "R50", 42.5, 78.0, 52.5, 48.6, 79.4, 59.6, 33.4, 75.9, 41.7, 34.3),
        PanopticResult("UPSnet-M", "R50", 43.0, 79.1, 52.8, 48.9, 79.7, 59.7, 34.1, 78.2, 42.3, 34.3),
        PanopticResult("PanopticFPN++", "R101", 44.1, 79.5, 53.3, 51.0, 83.2, 60.6, 33.6, 74.0, 42.1, 39.7),
        PanopticResult("DETR", "R50", 43.4, 79.3, 53.8, 48.2, 79.8, 59.5, 36.3, 78.5, 45.3, 31.1),
        PanopticResult("DETR-DC5", "R50", 44.6, 79.8, 55.0, 49.4, 80.5, 60.6, 37.3, 78.7, 46.5, 31.9),
        PanopticResult("DETR-R101", "R101", 45.1, 79.9, 55.5, 50.5, 80.9, 61.7, 37.0, 78.5, 46.0, 33.0),
    ]
