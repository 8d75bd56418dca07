"""Linear recurrences in a look ahead: lag counts through all modules, of one loss step that is drawn for all sequences.

What the loss sends to the modules at one step, each by no other of them, goes back through all of them together. So one
backward pass through the model, and one walk back through the states of each, tell the lags apart.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.arrays import Array
from bptt.presentation.formatting import listed
from bptt.prognoses import Joined, Pass, near_lag
from bptt.torch_models.as_found import eagerly, untouched, without_wrappers
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner.far import (
    BANDS,
    MOST_FEATURES,
    TOO_MANY,
    Bands,
    as_row,
    band_of,
    centred,
    log10_left,
    refuse_not_finite,
)
from bptt.torch_models.scans import scan_modules
from bptt.torch_models.scans.call_states import CallStates, only_at
from bptt.torch_models.scans.calls import ScanCalls, scan_calls, with_first

SEVERAL = (
    "Lag counts through all of the modules together. Reach is that of the one where most of the signal is left: they stand beside "
    "one another on the way to the loss, and one that keeps it is enough."
)
AXES = "Agreement and form are left out: what a module returned has no axis of time behind that of the sequences."


class OfScans:
    """Modules whose recurrence is known; see ``Kind``.

    Args:
        modules: by name.
    """

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self._given = modules
        kinds = dict.fromkeys(type(module).__name__ for module in modules.values())
        self.unlike = listed(tuple(kinds)) if kinds else ""
        self._names: set[str] | None = None

    def _among(self, model: nn.Module) -> set[str]:
        """Their names in a model or in its copy, which has the same."""
        if self._names is None:
            given = {without_wrappers(path, model) for path in scan_modules(model)}
            plain = {without_wrappers(path, model) for path in self._given}
            self._names = given & plain
        return self._names

    def seen(self, model: nn.Module, batch: Any, loss: Loss) -> tuple[int, int]:
        """Steps of the longest call, and sequences."""
        with scan_calls(model, batch, loss, self._among(model), flat_too=True) as found:
            sizes = [call.steps_and_sequences for call in found.calls]
        return max(T for T, _ in sizes), max(B for _, B in sizes)

    def sequences(self, model: nn.Module, batch: Any, loss: Loss) -> int:
        """Of the largest call."""
        return self.seen(model, batch, loss)[1]

    def passed(
        self, model: nn.Module, batch: Any, loss: Loss, lag: int, number: int
    ) -> tuple[Pass, Sequence[str]]:
        """See ``Kind``."""
        among = self._among(model)
        with scan_calls(model, batch, loss, among, flat_too=True) as found:
            direct = found.direct()
            refuse_not_finite(found.E, direct, model, batch, loss)
            joined, remarks = _joined(model, found, direct, lag, number)
        blind = _blind(model, batch, loss, found)
        if len(found.calls) > 1:
            remarks.append(SEVERAL)
        return Pass(found.E, blind, (), (joined,)), remarks


def _joined(
    model: nn.Module, found: ScanCalls, direct: Sequence[Tensor | None], lag: int, number: int
) -> tuple[Joined, list[str]]:
    T, B = found.calls[0].steps_and_sequences
    sizes = {call.steps_and_sequences for call in found.calls}
    if len(sizes) > 1 or any(call.output.ndim < 3 for call in found.calls):
        return Joined(-np.inf if number == 0 else None, None, 0), [AXES]
    states = [CallStates(call) for call in found.calls]
    there = torch.zeros(B, T, dtype=torch.bool, device=found.calls[0].output.device)
    for error in direct:
        if error is not None:
            there |= error.flatten(2).any(2)
    steps = np.flatnonzero(there.any(0).cpu().numpy())
    reach = None
    if number == 0:
        reach = _reach(found, states, direct, steps, lag)
    steps = steps[steps >= lag]
    if not len(steps):
        return Joined(reach, None, 0), []
    t = int(np.random.default_rng(number).choice(steps))
    taken = there[:, t]
    sent = [
        None if e is None else only_at(e, t, centred(e[:, t], taken, 0) * len(steps))
        for e in direct
    ]
    rows = []
    for own, error in zip(states, found.through_all(sent), strict=True):
        bands = Bands(own.params)
        if error is not None:
            carried = own.carried(error)
            for band in range(BANDS):
                kept = [s for s in range(t + 1) if band_of(t - s, lag) == band]
                bands.add(band, own.by_parameters(carried, error, kept))
        rows.append(bands.rows())
    P = sum(p.numel() for own in states for p in own.params.values())
    if P * B > MOST_FEATURES:
        return Joined(reach, np.concatenate(rows, axis=1), int(taken.sum())), [TOO_MANY]
    tangents = (_Tangents(model, found, states, direct, t, taken, near_lag(lag)),)
    return Joined(reach, np.concatenate(rows, axis=1), int(taken.sum()), tangents), []


def _reach(
    found: ScanCalls, states: list[CallStates], direct: Sequence[Tensor | None], steps: Array, lag: int
) -> float:  # fmt: skip
    """log10 of the last loss step's signal at the needed lag over that where it starts, where most of it is left."""
    if not len(steps):
        return -np.inf
    last = int(steps[-1])
    sent = [None if e is None else only_at(e, last, e[:, last]) for e in direct]
    best = -np.inf
    for own, error in zip(states, found.through_all(sent), strict=True):
        if error is not None:
            squares = own.mean_squares(own.carried(error))
            best = max(best, log10_left(squares[: last + 1][::-1].tolist(), lag))
    return best


class _Tangents:
    """Of all modules at a drawn loss step; see ``bptt.prognoses.Tangents``."""

    def __init__(
        self, model: nn.Module, found: ScanCalls, states: list[CallStates], direct: Sequence[Tensor | None], t: int,
        taken: Tensor, near: int,
    ) -> None:  # fmt: skip
        self._model, self._found, self._states, self._t, self._near = model, found, states, t, near
        self._direct = list(direct)
        self._taken = np.flatnonzero(taken.cpu().numpy())
        flat = [e[:, t].reshape(len(e), -1).cpu().numpy() for e in direct if e is not None]
        self.D = np.concatenate(flat, axis=1)[self._taken]

    def features(self, v: Array) -> Array:
        """(N, P), sequence by sequence."""
        sent: list[Tensor | None] = []
        first = 0
        for e in self._direct:
            if e is None:
                sent.append(None)
                continue
            size = e[0, self._t].numel()
            part = torch.from_numpy(np.ascontiguousarray(v[first : first + size]))
            first += size
            sent.append(
                only_at(e, self._t, part.to(e.device, e.dtype).reshape(e[0, self._t].shape))
            )
        far = list(range(max(0, self._t - self._near + 1)))
        columns = []
        with untouched(self._model), eagerly(self._model):
            for own, error in zip(self._states, self._found.through_all(sent), strict=True):
                if error is None:
                    width = sum(as_row(p).size for p in own.params.values())
                    columns.append(np.zeros((len(self._taken), width), np.float32))
                    continue
                carried = own.carried(error)
                columns.append(
                    np.stack([
                        np.concatenate([
                            as_row(grad)
                            for grad in own.by_parameters(carried, error, far, sequence).values()
                        ])
                        for sequence in self._taken.tolist()
                    ])
                )  # fmt: skip
        return np.concatenate(columns, axis=1)


def _blind(model: nn.Module, batch: Any, loss: Loss, found: ScanCalls) -> float:
    """The loss where every module returns the mean over the sequences of what it returned before."""
    calls = iter(found.calls)

    def instead(module: nn.Module, args: Any, output: Any) -> Any:
        call = next(calls, None)
        if call is None or call.module is not module:
            return output
        mean = call.output.mean(0, keepdim=True).expand_as(call.output).clone()
        return with_first(output, mean)

    modules = list({id(call.module): call.module for call in found.calls}.values())
    with untouched(model), eagerly(model), torch.enable_grad():
        hooks = [module.register_forward_hook(instead) for module in modules]
        try:
            return float(loss(model, batch).detach())
        finally:
            for hook in hooks:
                hook.remove()
