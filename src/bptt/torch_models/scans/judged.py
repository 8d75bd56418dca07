"""A model whose recurrences are computed by a scan, judged."""

from collections.abc import Collection
from typing import Any

from torch import nn

from bptt.diagnosis import (
    Diagnosis,
    assumed_lags,
    diagnose_scan,
    needed_lags,
    needed_or_half,
    remarks_on_memory,
)
from bptt.presentation.formatting import counted, power_of_ten
from bptt.torch_models.capture import Loss
from bptt.torch_models.decompose.bounds import Bounds
from bptt.torch_models.scans.lags import scan_lags
from bptt.torch_models.scans.measured import ScanLags


def diagnose_scans(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    needed_lag: int | None,
    bounds: Bounds,
    among: Collection[str] | None = None,
) -> Diagnosis:
    """Measure every module whose recurrence is known, and say what the numbers mean.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        needed_lag: how far back the task needs the gradient to reach; half of each module's own steps if None.
        bounds: the largest lag to compute, and what else the measurement may take.
        among: paths of the modules to measure; None for all.

    Raises:
        OptionError: if there is no such module, the loss does not depend on it, or a lag is out of reach.
        NonFiniteError: if the loss or a gradient is not finite.
        AgreementError, ResidualError: if what was taken apart is not what PyTorch computed: there is nothing to judge.
    """
    lags, E = scan_lags(model, batch, loss, among=among, bounds=bounds)
    every = list(lags.values())
    lengths = [one.steps for one in every]
    lag = needed_or_half(needed_lag, max(lengths), bounds.max_lag)
    needed_lag = None if needed_lag is None else lag
    remembered = every[
        0
    ].memory  # of several modules the first's: its inputs are nearest to the model's
    profiles = [one.profile for one in every]
    needed = needed_lags(needed_lag, lengths, profiles, bounds.max_lag)
    layers = {
        one.name: diagnose_scan(
            one.name, one.kind, one.profile, own, one.facts, one.keep, one.exponents, path=one.path
        )
        for one, own in zip(every, needed, strict=True)
    }
    mode = "train" if model.training else "eval"
    assumed = (
        *assumed_lags(needed_lag, list(layers), lengths, profiles, needed),
        f"The numbers come from one batch, with the model in {mode} mode.",
        *dict.fromkeys(one.some.words for one in every if one.some is not None),
        *_what_lag_is(every, lag),
        *_beside(every),
        *remarks_on_memory(remembered, lag),
    )
    first = max(every, key=lambda one: one.steps)
    read = f"{counted(first.steps, 'step')} × {counted(first.sequences, 'sequence')}"
    return Diagnosis(
        layers, E, assumed, None, tuple(map(_checked, every)), remembered, needed_lag, read
    )


def _what_lag_is(every: list[ScanLags], lag: int) -> list[str]:
    if len(every) == 1:
        return [
            "Lag is counted in steps of the state: from the one that the error enters back to the one that a parameter made."
        ]
    return [
        "Each of the modules is a recurrence of its own: the error at its own output goes back through its own states, and "
        "lag is counted there. What goes from one module to the next at the same step has no lag.",
        *_through_all(every, lag),
    ]


def _through_all(every: list[ScanLags], lag: int) -> list[str]:
    """What is left where lag is counted through all modules, in a sentence; none where that was not told."""
    left = {
        one.name: one.through_all[lag] - one.through_all[0]
        for one in every
        if one.through_all is not None and lag < len(one.through_all)
    }
    if not left:
        return []
    parts = ", ".join(f"{power_of_ten(float(log10))} in {name}" for name, log10 in left.items())
    return [
        f"Counted through all of them together, from the last loss step back, the signal at lag {lag} is this part of that at "
        f"lag 0: {parts}."
    ]


def _beside(every: list[ScanLags]) -> list[str]:
    """Which parameters act through no state."""
    sentences = []
    for one in every:
        alone = [name for name in one.beside if name not in one.profile.parameters]
        if alone:
            sentences.append(
                f"{', '.join(alone)} of {one.name} only read the states or go around them: no lag is counted of them."
            )
    return sentences


def _checked(one: ScanLags) -> str:
    return (
        f"{one.name}: what is read from the states computed here is what the {one.kind} returned; the lags and what goes "
        f"around the states add up to autograd's gradient of every parameter, to {one.profile.residual:.0e}."
    )
