"""Reach, agreement and form of a learner at one moment of its training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import needed_lags
from bptt.gradients.by_lag import signal_by_lag
from bptt.prognoses.agreement import (
    Agreement,
    Settings,
    agreement,
    centred,
    gradient,
    second_moment,
)
from bptt.prognoses.drawn import Drawn, draw, independent, last_steps
from bptt.prognoses.form import form, form_of
from bptt.prognoses.learner import Joined, Learner, Pass, Tangents, near_lag


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
    near = near_lag(lag)
    E: list[float] = []
    blind: list[float] = []
    bands: list[Array] = []
    drawn: list[list[Drawn]] = []
    tangents: list[list[Tangents]] = []
    reach, sequences = -np.inf, 0
    for number, one in enumerate(learner.passes(groups)):
        E.append(one.E)
        blind.append(one.blind)
        if number == 0:
            reach = signal(one, lag)
        parts = drawn_from(one, lag, rng)
        own = _bands(parts, one.joined, lag, near)
        if own.size and own.shape == (bands or [own])[0].shape:  # of the same parts as the others
            bands.append(own)
            sequences = len(parts[0].t) if parts else one.joined[0].sequences
            if not one.joined:
                drawn.append(parts)
            own_tangents = _tangents(one)
            if own_tangents and len(tangents) < form_groups:
                tangents.append(own_tangents)
    loss = float(np.mean(E))
    common = (learner.updates, loss / learner.scale, float(np.mean(blind)) / learner.scale, reach)
    if len(bands) < 2:
        return Measured(*common, None, None, None)
    whole, mid, far = np.array(bands).swapaxes(0, 1)
    settings = Settings(loss, sequences, learner.batch, learner.lr)
    V = second_moment(whole, settings)
    return Measured(
        *common,
        agreement(far, V, settings),
        agreement(mid, V, settings),
        form(drawn[:form_groups], near) if drawn else form_of(tangents) if tangents else None,
    )


def _tangents(one: Pass) -> list[Tangents]:
    """Those of all parts of the model; none where one of them has none, or is a stack."""
    if one.stacks or any(own.tangents is None for own in one.joined):
        return []
    return [each for own in one.joined for each in own.tangents or ()]


def _bands(parts: list[Drawn], joined: Sequence[Joined], lag: int, near: int) -> Array:
    """(3, P) the gradient of one group from all lags, from half of the needed lag on, and from the needed lag on."""
    bands = [own.bands for own in joined if own.bands is not None]
    at = [part.at_weights(centred(part)) for part in parts]
    each = [
        np.concatenate(
            [np.zeros(0), *(gradient(p, a, *lags) for p, a in zip(parts, at, strict=True))]
        )
        for lags in ((lag, None), (near, lag), (0, near))
    ]
    return np.concatenate([np.cumsum(each, axis=0)[::-1], *bands], axis=1)


def signal(one: Pass, needed_lag: int) -> float:
    """log10 of the error signal at the needed lag over that where it starts, of the layer where it is weakest."""
    weakest = np.inf
    for trace, errors in one.stacks:
        only = last_steps(errors)
        if not any(d.any() for d in only):
            continue
        profiles = signal_by_lag(trace, only, needed_lag)
        lags = needed_lags(needed_lag, trace.traces, profiles, needed_lag)
        for profile, lag in zip(profiles, lags, strict=True):
            left = lag < len(profile.log10_signal)
            weakest = min(weakest, profile.log10_attenuation(lag) if left else -np.inf)
    for joined in one.joined:
        if joined.log10_attenuation is not None:
            weakest = min(weakest, joined.log10_attenuation)
    return float(weakest) if weakest < np.inf else float("-inf")


def drawn_from(one: Pass, lag: int, rng: np.random.Generator) -> list[Drawn]:
    """A draw of every part of the model that has loss steps with so much past."""
    drawn = [
        draw(*part, lag, rng)
        for trace, errors in one.stacks
        for part in independent(trace, errors) or []
    ]
    return [part for part in drawn if part is not None]
