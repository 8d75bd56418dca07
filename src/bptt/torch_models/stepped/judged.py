"""A model whose steps are its own, judged."""

from dataclasses import replace
from time import monotonic
from typing import Any

import torch
from torch import nn

from bptt.diagnosis import (
    Diagnosis,
    RecurrenceDiagnosis,
    assumed_lags,
    diagnose_state,
    needed_lags,
    needed_or_half,
    remarks_on_memory,
)
from bptt.presentation.formatting import counted
from bptt.torch_models.as_found import recording
from bptt.torch_models.capture import Loss
from bptt.torch_models.decompose.bounds import SECONDS, Bounds
from bptt.torch_models.stepped.measure import Stepped, measured
from bptt.torch_models.stepped.reference import held, reference


def diagnose_steps(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    steps: dict[str, nn.Module],
    needed_lag: int | None,
    bounds: Bounds,
    *,
    by_itself: bool = False,
) -> Diagnosis:
    """Measure modules that a model calls once per time step, and say what the numbers mean.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        steps: the modules by name.
        needed_lag: how far back the task needs the gradient to reach; half of each module's own steps if None.
        bounds: the largest lag to compute, and what else the measurement may take.
        by_itself: whether nobody named them.

    Raises:
        OptionError: if one is no step, the loss does not depend on it, or a lag is out of reach.
        NonFiniteError: if the loss or a gradient is not finite.
        AgreementError: if what was taken apart is not what autograd computes: there is nothing to judge.
    """
    with recording():  # PyTorch imports more here, once
        one = torch.ones((), requires_grad=True)
        torch.autograd.grad([one * one], [one], [one.detach()])
    started = monotonic()
    whole = reference(model, batch, loss, steps)
    every: list[Stepped] = []
    for number, (path, module) in enumerate(steps.items()):
        with held(model, steps):
            left = (bounds.seconds or SECONDS) - (monotonic() - started)
            own = replace(bounds, seconds=max(left, 0.1) / (len(steps) - number))
            every.append(measured(model, batch, loss, path, module, whole, own))
    # Of several steps the first's: the inputs that it reads are those of the model.
    remembered = every[0].memory
    longest = max(one.steps for one in every)
    lag = needed_or_half(needed_lag, longest, bounds.max_lag)
    needed_lag = None if needed_lag is None else lag
    lengths = [one.steps for one in every]
    profiles = [one.profile for one in every]
    needed = needed_lags(needed_lag, lengths, profiles, bounds.max_lag)
    layers: dict[str, RecurrenceDiagnosis] = {
        one.name: diagnose_state(
            one.name,
            one.kind,
            one.profile,
            lag_of_it,
            exponents=one.exponents,
            keep=one.keep,
            path=path,
        )
        for path, one, lag_of_it in zip(steps, every, needed, strict=True)
    }
    mode = "train" if model.training else "eval"
    assumed = (
        *assumed_lags(needed_lag, list(layers), lengths, profiles, needed),
        f"The numbers come from one batch, with the model in {mode} mode.",
        *_which(every, by_itself),
        *(remark for one in every for remark in one.remarks),
        *remarks_on_memory(remembered, lag),
    )
    checked = tuple(sentence for one in every for sentence in one.checked)
    first = max(every, key=lambda one: one.steps)
    read = f"{counted(first.steps, 'step')} × {counted(first.sequences, 'sequence')}"
    return Diagnosis(layers, whole.E, assumed, None, checked, remembered, needed_lag, read)


def _which(every: list[Stepped], by_itself: bool) -> list[str]:
    """Which modules are taken for steps, and what lag means then."""
    each = " and ".join(
        f"{one.name} ({one.kind}, called {counted(one.calls, 'time')})" for one in every
    )
    found = " It was found by itself; recurrent= names another module." if by_itself else ""
    return [f"A step is a call of {each}: lag is the number of calls in between.{found}"]
