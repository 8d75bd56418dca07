"""One measurement of a model as one flat dict of plain numbers and text.

bptt/<layer>/horizon              lags 0..horizon hold 95 % of Σ‖G_k‖; None of a zero gradient
bptt/<layer>/rate                 growth of the signal per step back, ln, mean over lags to the horizon
bptt/<layer>/weight_gain          from W_R, ln per step
bptt/<layer>/activation_gain      from φ′, or the gates' slopes, ln per step; of a layer of PyTorch's
bptt/<layer>/carry_gain           of a gated cell or a linear recurrence: the carry, ln per step
bptt/<layer>/carry_share          of a gated cell: the part of the signal that goes that way
bptt/<layer>/log10_attenuation    signal at the needed lag over signal at lag 0
bptt/<layer>/verdict              "vanishing", "steady", "exploding"
bptt/<layer>/verdict_code         the same as -1, 0, 1
bptt/<layer>/first_nonfinite_lag  first lag whose part of the gradient the number type cannot hold
bptt/first_nonfinite_lag          the smallest of them
bptt/loss                         on the batch that is measured
bptt/needed_lag                   as given, or half of the longest sequence

A value that is not finite, or of which there is none, is None.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from bptt.arrays import Array
from bptt.diagnosis import VERDICT_CODES, judged, needed_lags, needed_or_half
from bptt.gradients.by_lag.profile import SLOPE, SLOPES, W_R, Profile
from bptt.monitor.loggers import Figures
from bptt.presentation.jsonable import plain
from bptt.torch_models import diagnose_module
from bptt.torch_models.capture import Loss, NotPyTorchs
from bptt.torch_models.decompose import Bounds, decompose

WORTH = 2e9  # operations that a walk by lag may always take: a training step or two of 128 units on 100 steps


def measure(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    needed_lag: int | None = None,
    max_lag: int | None = None,
    recurrent: Any = None,
) -> Figures:
    """Measure a model; it is left as it was found.

    Args:
        model: any module that ``bptt.diagnose`` takes.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        needed_lag: how far back the task needs the gradient to reach; half of each module's own steps if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        recurrent: the module of one step, as in ``bptt.diagnose``; None for PyTorch's layers, or what is found where there
            is none.

    Raises:
        BpttError: what ``bptt.diagnose`` raises: NonFiniteError and AgreementError in a bad moment,
            OptionError and ShapeError if model, batch and loss do not fit.
    """

    def needed_of(steps: int) -> int:
        # A module of single steps has no past; whether the model as a whole has one is checked below.
        return 0 if steps == 1 else needed_or_half(needed_lag, steps, max_lag)

    bounds = Bounds(worth=WORTH, spread=False, until=needed_of)
    if recurrent is not None:
        return _of_any(model, batch, loss, needed_lag, max_lag, recurrent)
    try:
        parts = decompose(model, batch, loss, max_lag, bounds)
    except NotPyTorchs:
        return _of_any(model, batch, loss, needed_lag, max_lag, None)
    lag = needed_or_half(needed_lag, parts.longest, max_lag)
    needed = needed_lags(needed_lag, parts.traces, parts.profiles, max_lag)
    return _figures(parts.E, lag, dict(zip(parts.names, parts.profiles, strict=True)), needed)


def _of_any(
    model: nn.Module, batch: Any, loss: Loss, needed_lag: int | None, max_lag: int | None, recurrent: Any
) -> Figures:  # fmt: skip
    """The same of a recurrence that is known by its step, or by its scan."""
    bounds = Bounds(max_lag=max_lag, spread=False)
    found = diagnose_module(model, batch, loss, needed_lag, bounds=bounds, recurrent=recurrent)
    layers = found.layers
    needed = [layer.needed_lag for layer in layers.values()]
    profiles = {name: layer.profile for name, layer in layers.items()}
    return _figures(found.E, found.needed_lag or max(needed), profiles, needed)


def _figures(E: float, lag: int, profiles: Mapping[str, Profile], needed: Sequence[int]) -> Figures:
    figures: Figures = {"bptt/loss": E, "bptt/needed_lag": lag}
    for (name, profile), own in zip(profiles.items(), needed, strict=True):
        figures |= {f"bptt/{name}/{key}": value for key, value in _of(profile, own).items()}
    lags = [profile.overflow_lag for profile in profiles.values()]
    figures["bptt/first_nonfinite_lag"] = min((k for k in lags if k is not None), default=None)
    return {name: plain(value) for name, value in figures.items()}


def _of(profile: Profile, needed: int) -> dict[str, Any]:
    verdict, log10_attenuation = judged(profile, needed)
    part = profile.up_to_horizon
    figures = {
        "horizon": profile.horizon(),
        "rate": profile.rate,
        "log10_attenuation": log10_attenuation,
        "verdict": verdict,
        "verdict_code": VERDICT_CODES[verdict],
        "first_nonfinite_lag": profile.overflow_lag,
    }
    gains = {
        "weight_gain": profile.factors.get(W_R),
        "activation_gain": profile.factors.get(SLOPE, profile.factors.get(SLOPES)),
        "carry_gain": profile.carry_gain,
        "carry_share": profile.carry_share,
    }
    return figures | {n: _mean(gain, part) for n, gain in gains.items() if gain is not None}


def _mean(values: Array, part: slice) -> float:
    """Over the lags that ``rate`` is a mean over; NaN if there is none."""
    values = values[part]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
