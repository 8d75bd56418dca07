"""A PyTorch model on a batch: captured, replayed, decomposed, checked against autograd, judged."""

from typing import Any

import numpy as np
import torch
from torch import nn

from bptt.arrays import Array
from bptt.by_step import by_step
from bptt.diagnosis import Diagnosis, diagnose_traces, needed_or_half
from bptt.errors import AgreementError, NonFiniteError
from bptt.lags import LagProfile, by_lag
from bptt.torch_models.capture import Captured, Loss, capture
from bptt.torch_models.convert import suffixes, to_numpy
from bptt.torch_models.replay import Replay, replay


def diagnose_module(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    needed_lag: int | None = None,
    *,
    max_lag: int | None = None,
) -> Diagnosis:
    """Measure every recurrent layer of a PyTorch model on a batch, and say what the numbers mean.

    Args:
        model: any module with nn.RNN, nn.LSTM, nn.GRU in it, or their cells called in a loop.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        needed_lag: how far back the task needs the gradient to reach; half the sequence if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.

    Raises:
        OptionError: if there is no recurrent layer, or the loss does not depend on one.
        NonFiniteError: if the loss or what it sends back to a layer is not finite.
        AgreementError: if what was replayed is not what PyTorch computed: there is nothing to judge.
    """
    captured = capture(model, batch, loss)
    if not np.isfinite(captured.E):
        raise NonFiniteError("loss", "a finite number", str(captured.E), _first_bad(model))
    names, traces, profiles, steps, checked = [], [], [], [], []
    longest = 0
    for path, calls in captured.calls.items():
        if not any(call.reached for call in calls):
            continue
        replayed = replay(path or "model", calls)
        for error in replayed.errors:
            if not np.isfinite(error).all():
                t = int(np.argmin(np.isfinite(error).all((1, 2))))
                raise NonFiniteError(
                    path or "model", "a finite gradient on the states", f"{np.nan} at step {t}", _first_bad(model)
                )  # fmt: skip
        found = by_lag(replayed.trace, replayed.errors, max_lag=max_lag)
        longest = max(longest, len(replayed.trace.traces[0].x))
        layers = _names(path, replayed)
        for number, (layer, profile) in enumerate(zip(layers, found, strict=True)):
            checked.append(_check(captured, path, replayed, number, layer, profile))
        names += layers
        traces += replayed.trace.traces
        profiles += found
        steps += by_step(replayed.trace, replayed.errors)
    needed = needed_or_half(needed_lag, longest)
    layers_found = diagnose_traces(names, traces, profiles, steps, needed)
    return Diagnosis(
        layers_found, captured.E, _assumed(needed_lag, needed, model), None, tuple(checked)
    )


def _names(path: str, replayed: Replay) -> list[str]:
    """The module's name in the model, level and direction: "encoder.lstm.0", "rnn.1.backward"."""
    plain = replayed.trace.stack.names
    if not path:
        return plain
    return [f"{path}.{name.split('.', 1)[1]}" for name in plain]


def _check(
    captured: Captured, path: str, replayed: Replay, number: int, layer: str, profile: LagProfile
) -> str:
    """That the lags add up to autograd's gradient of the recurrent weights, in a sentence.

    Raises:
        AgreementError: if they do not.
    """
    weight = "weight_hh" + suffixes(replayed.module)[number]
    theirs = captured.weights[path, weight]
    if theirs is None:
        theirs = torch.zeros_like(getattr(replayed.module, weight))
    expected, ours = to_numpy(theirs), _unprojected(profile.dW_R, replayed.projections[number])
    if not np.isfinite(expected).all():
        lag = "" if profile.overflow_lag is None else f" from lag {profile.overflow_lag} on"
        return f"{layer}: autograd's {weight}.grad is not finite; the parts leave the type{lag}."
    largest = np.abs(expected).max()
    off = float(np.abs(ours - expected).max() / largest) if largest else float(np.abs(ours).max())
    if not off <= replayed.tolerance:
        raise AgreementError(
            layer, f"lags that add up to autograd's {weight}.grad, to {replayed.tolerance:g}",
            f"a difference of {off:.1e} of its largest entry",
            "The weight may be used elsewhere in the model too: nothing is judged.",
        )  # fmt: skip
    return (
        f"{layer}: the lags add up to autograd's {weight}.grad, to {off:.0e} of its largest entry."
    )


def _unprojected(dW_R: Array, W_hr: Array | None) -> Array:
    """From the gradient by W_hh W_hr, that is Σ dz ⊗ s, to that by W_hh, Σ dz ⊗ W_hr s."""
    return dW_R if W_hr is None else dW_R @ W_hr.T


def _first_bad(model: nn.Module) -> str:
    """Which parameter is not finite, the first of them."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"The parameter {name} is not finite itself: go back to an earlier checkpoint."
    return "Every parameter is finite: look at the batch and the loss."


def _assumed(given: int | None, needed: int, model: nn.Module) -> tuple[str, ...]:
    said = (
        f"The task needs lag {needed}, as you said."
        if given is not None
        else f"The task is taken to need lag {needed}, half the sequence, because no needed lag was "
        "given. If it needs less, a short horizon is no fault."
    )
    mode = "train" if model.training else "eval"
    return (
        said,
        f"The numbers are of one batch, with the model in {mode} mode.",
        "Lag is counted within each recurrent module, from the step at which the rest of the model reads "
        "its states.",
    )
