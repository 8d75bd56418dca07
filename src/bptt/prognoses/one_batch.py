"""Reach, agreement and form from one batch: its sequences are independent of one another, so groups of them are too."""

from dataclasses import replace

import numpy as np

from bptt.arrays import Array
from bptt.prognoses.agreement import Settings, agreement, centred, gradient, second_moment
from bptt.prognoses.drawn import Drawn
from bptt.prognoses.form import form
from bptt.prognoses.learner import GROUPS, Pass, near_lag
from bptt.prognoses.measured import Measured, drawn_from, signal

EACH = 2  # sequences of a group at least: one alone has no mean to differ from
FORM, MOST = 64, 512  # sequences that form is told from: fewer say too little, more cost too much


def measure_batch(one: Pass, *, update: int, needed_lag: int, batch: int, lr: float) -> Measured:
    """Measure what one batch tells.

    Args:
        one: the batch, run through the network.
        update: weight updates made so far.
        needed_lag: the lag that the task needs, in steps.
        batch: sequences of an update of the training.
        lr: of Adam.

    Returns:
        the numbers; agreement and form are None where the batch has too few sequences, or where states pass through
        something else on their way.
    """
    known = (update, one.E, one.blind, signal(one, needed_lag))
    parts = [] if one.joined else drawn_from(one, needed_lag, np.random.default_rng(0))
    if not parts:
        return Measured(*known, None, None, None)
    columns = np.flatnonzero(np.all([part.t >= 0 for part in parts], axis=0))
    if len(columns) < 2 * EACH:
        return Measured(*known, None, None, None)
    groups = np.array_split(columns, min(GROUPS, len(columns) // EACH))
    near = near_lag(needed_lag)
    bands = np.concatenate([_bands(part, groups, needed_lag, near) for part in parts], axis=2)
    whole, mid, far = bands
    settings = Settings(one.E, round(len(columns) / len(groups)), batch, lr)
    V = second_moment(whole, settings)
    kept = [_first(part, columns[:MOST]) for part in parts]
    return Measured(
        *known,
        agreement(far, V, settings),
        agreement(mid, V, settings),
        form([kept], near) if len(columns) >= FORM else None,
    )


def _bands(part: Drawn, groups: list[Array], lag: int, near: int) -> Array:
    """(3, M, P) the gradient of each group from all lags, from ``near`` on and from ``lag`` on."""
    B = len(part.t)
    D = np.zeros_like(part.D)
    for group in groups:
        D[group] = centred(_of(part, group)) * part.D.dtype.type(B / len(group))
    at = part.at_weights(D)
    bands = []
    for group in groups:
        own = _of(part, group)
        of_group = [a.columns(group) for a in at]
        each = [gradient(own, of_group, *lags) for lags in ((lag, None), (near, lag), (0, near))]
        bands.append(np.cumsum(each, axis=0)[::-1])
    return np.stack(bands, axis=1)


def _of(part: Drawn, group: Array) -> Drawn:
    """The draws of some sequences."""
    return replace(part, t=part.t[group], D=part.D[group])


def _first(part: Drawn, columns: Array) -> Drawn:
    """The same with no sequences but these."""
    t = np.full_like(part.t, -1)
    t[columns] = part.t[columns]
    return replace(part, t=t)
