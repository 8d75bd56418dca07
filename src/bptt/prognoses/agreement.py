r"""How much of the gradient from the far lags pulls the same way on independent data (coherence: Chatterjee 2020).

With F_m the gradient from the far lags on group m of M, by all weights of the recurrent layers,

    S = Σ_{m≠m'} ⟨F_m, F_m'⟩ / (M (M - 1))          an unbiased estimate of ‖E F‖²
    coherence = S / E‖F‖²                           at the training's batch size; 1: every batch says the same, 0: noise

The loss that these lags take off per update of Adam, as a part of the loss (g²_p: S of one weight, V_p: the second moment
of its whole gradient, which Adam divides by, Kingma & Ba 2015):

    rate = lr Σ_p g²_p / √V_p / E

The output's mean error is taken out of every group: the readout's bias learns it, and it needs no past.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.layers.at_weights import AtWeights
from bptt.prognoses.drawn import Drawn

ADAM_EPS = 1e-8


@dataclass(frozen=True)
class Agreement:
    """How far the gradient from the far lags agrees over data.

    Attributes:
        coherence: from 0, noise, to 1, at the training's batch size; its estimate can lie a little below 0.
        error: standard error of it; NaN of two groups.
        rate: part of the loss that these lags take off per update.
        rate_error: standard error of it; NaN of two groups.
        size: √S, the size of the gradient that agrees.
    """

    coherence: float
    error: float
    rate: float
    rate_error: float
    size: float


@dataclass(frozen=True)
class Settings:
    """Of a training.

    Attributes:
        E: the loss.
        each: sequences of a group that a gradient was measured on.
        batch: sequences of an update.
        lr: of Adam.
    """

    E: float
    each: int
    batch: int
    lr: float

    @property
    def noise(self) -> float:
        """By how much the variance of a training batch's gradient exceeds that of a group's."""
        return self.each / self.batch


NONE = Agreement(0.0, 0.0, 0.0, 0.0, 0.0)


def gradient(drawn: Drawn, at: list[AtWeights], least: int, most: int | None) -> Array:
    """(P,) the gradient by all weights of the layers from lags ``least`` to ``most`` - 1, in float64.

    Args:
        drawn: the loss steps.
        at: the errors at the weights of each layer.
        least: the smallest lag.
        most: the lag behind the largest; None for all from the smallest on.
    """
    steps, counted = drawn.between(least, most)
    return np.concatenate([own.gradient(steps, counted) for own in at])


def centred(drawn: Drawn) -> Array:
    """(B, S) the drawn errors without their mean over the group; its bias taken off."""
    taken = drawn.t >= 0
    n = int(taken.sum())
    mean = drawn.D[taken].mean(0)
    D = np.where(taken[:, None], drawn.D - mean, 0)
    return np.asarray(D * (n / max(1, n - 1)), drawn.D.dtype)


def second_moment(whole: Array, settings: Settings) -> Array:
    """(P,) V, of the gradient (M, P) from all lags on M independent groups, at the training's batch size."""
    with np.errstate(over="ignore", invalid="ignore"):  # of what is not finite nothing is told
        square = whole.mean(0) ** 2
        return np.asarray(
            square + whole.var(0, ddof=1) * settings.noise if len(whole) > 1 else square
        )


def agreement(far: Array, V: Array, settings: Settings) -> Agreement:
    """From the gradients of M independent groups.

    Args:
        far: (M, P) from the far lags.
        V: (P,) the ``second_moment`` of the gradient from all lags.
        settings: of the training.
    """
    M = len(far)
    largest = float(np.abs(far).max())
    if M < 2 or not largest > 0 or not np.isfinite(largest):
        return NONE
    F = far / largest
    K = F @ F.T

    def coherence(kept: Array) -> tuple[float, float]:
        k = K[np.ix_(kept, kept)]
        m = len(k)
        S = float((k.sum() - np.trace(k)) / (m * (m - 1)))
        one = float(np.trace(k) / m)
        square = max(S, 0.0) + max(one - S, 0.0) * settings.noise
        return S, S / square if square > 0 else 0.0

    S, value = coherence(np.arange(M))
    g2 = _squares(far.sum(0), (far**2).sum(0), M)
    part = settings.lr / (np.sqrt(V) + ADAM_EPS) / settings.E if settings.E > 0 else 0 * V
    error = rate_error = float("nan")  # two groups tell nothing of it
    if M > 2:  # each group left out in turn
        kept = [np.delete(np.arange(M), m) for m in range(M)]
        error = _jackknife([coherence(those)[1] for those in kept])
        rest = _squares(far.sum(0) - far, (far**2).sum(0) - far**2, M - 1)
        rate_error = _jackknife(rest @ part)
    return Agreement(
        value, error, float(g2 @ part), rate_error, float(np.sqrt(max(S, 0.0)) * largest)
    )


def _squares(total: Array, squares: Array, M: int) -> Array:
    """The unbiased estimate of (E F)² of every weight, from sums over M groups."""
    return np.asarray((total**2 - squares) / (M * (M - 1)))


def _jackknife(values: Sequence[float] | Array) -> float:
    """The standard error, from the values with each group left out in turn (Efron & Stein 1981)."""
    parts = np.asarray(values)
    return float(np.sqrt((len(parts) - 1) / len(parts) * ((parts - parts.mean()) ** 2).sum()))
