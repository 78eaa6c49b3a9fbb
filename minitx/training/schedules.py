"""Learning-rate schedules: warm up first, decay later.

Early gradients of a Transformer are large and Adam's running means still unsure, so the learning rate climbs for
some `warmup` steps before it falls, along half a cosine or with the inverse square root of the step:

    cosine  peak * step / warmup, then final + (peak - final) (1 + cos(pi progress)) / 2
    noam    d_model^-0.5 * min(step^-0.5, step * warmup^-1.5)

Schedules are plain functions of the number of the step, counted from 1.

Sources: Loshchilov & Hutter 2017, "SGDR", equation 5; Vaswani et al. 2017, "Attention is all you need", equation 3.
Notebooks: 07, 15.
"""

import math


def cosine_schedule(step, total, warmup, peak, final=0.0):
    """Return the learning rate of one step: a straight climb to `peak`, then half a cosine down towards `final`.

    Parameters
    ----------
    step : int
        Number of the step about to be taken, from 1. After `total` the learning rate stays at `final`.
    total : int
        Number of steps of the whole training.
    warmup : int
        Number of steps of the climb, fewer than `total`; 0 starts at the peak.
    peak : float
        Largest learning rate, reached in step `warmup`.
    final : float
        What the step after the last would get.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `step` is below 1, or `warmup` not between 0 and `total` - 1.

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without the restarts.

    Examples
    --------
    >>> [round(cosine_schedule(step, total=6, warmup=2, peak=1.0), 3) for step in range(1, 8)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    _check_step("cosine_schedule", step)
    if not 0 <= warmup < total:
        raise ValueError(
            f"cosine_schedule: warmup={warmup} does not fit into total={total} steps; choose 0 <= warmup < total."
        )
    if step <= warmup:
        return peak * step / warmup
    progress = min((step - 1 - warmup) / (total - warmup), 1.0)
    return final + (peak - final) * (1 + math.cos(math.pi * progress)) / 2


def noam_schedule(step, d_model, warmup=4000):
    """Return the learning rate of one step as the first Transformer was trained: linear climb, then step^-0.5.

    Parameters
    ----------
    step : int
        Number of the step about to be taken, from 1.
    d_model : int
        Width of the model; wider models take smaller steps.
    warmup : int
        Number of steps of the climb, at least 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `step`, `d_model` or `warmup` is below 1.

    References
    ----------
    Vaswani et al. 2017, "Attention is all you need", equation 3. The schedule is nicknamed after Noam Shazeer.

    Examples
    --------
    >>> [f"{noam_schedule(step, d_model=512):.2e}" for step in (1, 4000, 16000)]
    ['1.75e-07', '6.99e-04', '3.49e-04']
    """
    _check_step("noam_schedule", step)
    if d_model < 1 or warmup < 1:
        raise ValueError(f"noam_schedule: d_model={d_model} and warmup={warmup} must both be at least 1.")
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


def _check_step(name, step):
    if step < 1:
        raise ValueError(
            f"{name}: steps are counted from 1, and this is step {step}; pass step + 1 if you count from 0."
        )
