"""Reach, agreement and form of a learner at one moment of its training."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import needed_lags
from bptt.gradients.by_lag import by_lag
from bptt.prognoses.agreement import Agreement, agreement, centred, gradient
from bptt.prognoses.drawn import Drawn, draw, independent, last_steps
from bptt.prognoses.form import form
from bptt.prognoses.learner import Learner, Pass


@dataclass(frozen=True)
class Measured:
    """What a look ahead knows after some updates.

    Attributes:
        update: how many.
        loss: on held-out sequences.
        blind: the same where every sequence shows the mean state: what a constant achieves.
        log10_attenuation: log10 of the error signal at the needed lag over that where it starts; -inf for none.
        agreement: of the gradient from the needed lag on; None where it could not be measured.
        agreement_mid: the same from half of the needed lag on.
        form: R² of what the loss asks for by tangent features from half of the needed lag on, or None.
    """

    update: int
    loss: float
    blind: float
    log10_attenuation: float
    agreement: Agreement | None
    agreement_mid: Agreement | None
    form: float | None


def measure(learner: Learner, groups: int, form_groups: int) -> Measured:
    """Measure a learner on its held-out sequences.

    Args:
        learner: it is not changed.
        groups: of the sequences that are looked at.
        form_groups: of them, those whose tangent features are tried.
    """
    rng = np.random.default_rng(0)
    lag = learner.needed_lag
    near = max(1, lag // 2)
    E: list[float] = []
    blind: list[float] = []
    far: list[Array] = []
    mid: list[Array] = []
    whole: list[Array] = []
    drawn: list[list[Drawn]] = []
    reach, each = -np.inf, 1
    for number, one in enumerate(learner.passes(groups)):
        E.append(one.E)
        blind.append(one.blind)
        if number == 0:
            reach = signal(one, lag)
        parts = _drawn(one, lag, rng)
        if parts is None:
            continue
        each = len(parts[0].t)
        at = [part.at_weights(centred(part)) for part in parts]
        bands = [
            np.concatenate([gradient(p, a, *lags) for p, a in zip(parts, at, strict=True)])
            for lags in ((lag, None), (near, lag), (0, near))
        ]
        for those, n in ((far, 1), (mid, 2), (whole, 3)):
            those.append(np.sum(bands[:n], axis=0))
        if number < form_groups:
            drawn.append(parts)
    loss = float(np.mean(E))
    if len(far) < 2:
        return Measured(learner.updates, loss, float(np.mean(blind)), reach, None, None, None)

    def agreed(bands: list[Array]) -> Agreement:
        return agreement(
            np.array(bands), np.array(whole), E=loss, each=each, batch=learner.batch, lr=learner.lr
        )

    return Measured(
        learner.updates,
        loss,
        float(np.mean(blind)),
        reach,
        agreed(far),
        agreed(mid),
        form(drawn, near) if drawn else None,
    )


def signal(one: Pass, needed_lag: int) -> float:
    """log10 of the error signal at the needed lag over that where it starts, of the layer where it is weakest."""
    weakest = np.inf
    for trace, errors in one.stacks:
        only = last_steps(errors)
        if not any(d.any() for d in only):
            continue
        profiles = by_lag(trace, only, max_lag=needed_lag)
        lags = needed_lags(needed_lag, trace.traces, profiles, needed_lag)
        for profile, lag in zip(profiles, lags, strict=True):
            left = lag < len(profile.log10_signal)
            weakest = min(weakest, profile.log10_attenuation(lag) if left else -np.inf)
    return float(weakest) if weakest < np.inf else float("-inf")


def _drawn(one: Pass, lag: int, rng: np.random.Generator) -> list[Drawn] | None:
    parts: list[Drawn] = []
    for trace, errors in one.stacks:
        for own in independent(trace, errors) or []:
            part = draw(*own, lag, rng)
            if part is not None:
                parts.append(part)
    return parts or None
