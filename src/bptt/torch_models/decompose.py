"""A PyTorch model on a batch: captured, replayed, decomposed, and checked against autograd."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bptt.arrays import Array
from bptt.errors import AgreementError, NonFiniteError
from bptt.gradients.by_lag import LagProfile, by_lag
from bptt.layers import Trace
from bptt.torch_models.capture import Captured, Loss, capture
from bptt.torch_models.convert import suffixes, to_numpy
from bptt.torch_models.eagerly import without_wrappers
from bptt.torch_models.nonfinite import where_not_finite
from bptt.torch_models.replay import Replay, replay


@dataclass(frozen=True, eq=False)
class Decomposed:
    """Every recurrent layer that the loss reaches.

    Attributes:
        names: of the layers: the module's in the model, level and direction.
        profiles: the gradient by lag of each.
        traces: the forward pass of each.
        replays: the forward passes by module, with the errors.
        E: the loss.
        checked: what was compared with autograd, in sentences.
        longest: steps of the longest sequence.
    """

    names: list[str]
    profiles: list[LagProfile]
    traces: list[Trace]
    replays: list[Replay]
    E: float
    checked: tuple[str, ...]
    longest: int


def decompose(model: nn.Module, batch: Any, loss: Loss, max_lag: int | None = None) -> Decomposed:
    """The gradient by lag of every recurrent layer.

    Args:
        model: any module with nn.RNN, nn.LSTM, nn.GRU in it, or their cells called in a loop.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        max_lag: the largest lag to compute; None goes back as far as there is a past.

    Raises:
        OptionError, NonFiniteError, AgreementError: as ``diagnose_module``.
    """
    captured = capture(model, batch, loss)
    if not np.isfinite(captured.E):
        raise NonFiniteError(
            "loss", "a finite number", str(captured.E), where_not_finite(model, batch, loss)
        )
    names: list[str] = []
    profiles: list[LagProfile] = []
    replays, checked = [], []
    for path, calls in captured.calls.items():
        if not any(call.reached for call in calls):
            continue
        replayed = replay(path or "model", calls)
        for error in replayed.errors:
            if not np.isfinite(error).all():
                t = int(np.argmin(np.isfinite(error).all((1, 2))))
                raise NonFiniteError(
                    path or "model", "a finite gradient on the states", f"{np.nan} at step {t}",
                    where_not_finite(model, batch, loss),
                )  # fmt: skip
        of_layers = by_lag(replayed.trace, replayed.errors, max_lag=max_lag)
        layers = _names(without_wrappers(path, model), replayed)
        for number, (layer, profile) in enumerate(zip(layers, of_layers, strict=True)):
            checked.append(_check(captured, path, replayed, number, layer, profile))
        names += layers
        profiles += of_layers
        replays.append(replayed)
    traces = [trace for replayed in replays for trace in replayed.trace.traces]
    longest = max(len(trace.x) for trace in traces)
    return Decomposed(names, profiles, traces, replays, captured.E, tuple(checked), longest)


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
