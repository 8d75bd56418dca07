"""How many sequences of a call are taken apart by lag, so that memory and time hold, and the call with these alone."""

from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from bptt.arrays import Array
from bptt.torch_models.decompose.bounds import ROOM, SECONDS, Bounds
from bptt.torch_models.decompose.left_out import drawn_in_words, power_below
from bptt.torch_models.scans.calls import ScanCall
from bptt.torch_models.scans.kinds import LinearRecurrence
from bptt.torch_models.scans.kinds.linear import Ready
from bptt.torch_models.scans.parameters import ToParameters
from bptt.torch_models.scans.walk import two_to

TABLES = 8  # of all states, that stand in memory at once


@dataclass(frozen=True, eq=False)
class Some:
    """Sequences of a batch.

    Attributes:
        columns: (n,) which.
        of: how many there are.
        words: what was left out, in a sentence.
    """

    columns: Array
    of: int
    words: str

    def call(self, call: ScanCall) -> ScanCall:
        """The call with these sequences alone, wherever a tensor has one row for each of the batch."""
        assert call.error is not None

        def part(value: Any) -> Any:
            batched = isinstance(value, Tensor) and value.ndim > 0 and len(value) == self.of
            return self._rows(value) if batched else value

        args, kwargs = tree_map(part, (call.args, call.kwargs))
        output, error = self._rows(call.output), self._rows(call.error)
        return replace(call, args=args, kwargs=kwargs, output=output, error=error)

    def _rows(self, value: Tensor) -> Tensor:
        return value[torch.from_numpy(self.columns).to(value.device)]


def asked_for(call: ScanCall, bounds: Bounds) -> Some | None:
    """The sequences that the user wants; None for all.

    Args:
        call: of all of them.
        bounds: of the measurement.
    """
    n, of = bounds.sequences, call.steps_and_sequences[1]
    return _drawn(n, call, bounds.seed) if isinstance(n, int) and n < of else None


def that_fit(call: ScanCall, recurrence: LinearRecurrence, bounds: Bounds) -> Some | None:
    """As many as the memory holds; None for all.

    Args:
        call: of all of them.
        recurrence: that it is.
        bounds: of the measurement.
    """
    first = next(iter(recurrence.timed.values()))
    each = TABLES * recurrence.steps * float(np.prod(recurrence.shape)) * first.element_size()
    most = ROOM if bounds.memory is None else bounds.memory
    if bounds.memory is None and bounds.room is not None:
        most = max(most, bounds.room.aim)
    return _fewer(call.steps_and_sequences[1] * each / most, call, bounds.seed)


def that_take(call: ScanCall, seconds: float, bounds: Bounds) -> Some | None:
    """As many as the time allows; None for all.

    Args:
        call: of all of them.
        seconds: that all of them take.
        bounds: of the measurement.
    """
    most = SECONDS if bounds.seconds is None else bounds.seconds
    return _fewer(seconds / most, call, bounds.seed)


def seconds_of_walk(
    recurrence: LinearRecurrence, ready: Ready, errors: Tensor, to_parameters: ToParameters, K: int
) -> float:  # fmt: skip
    """What K lags will take, from one of them.

    Args:
        recurrence: with its factors.
        ready: what it prepared.
        errors: (B, T, *S) immediate ones.
        to_parameters: the way from the factors to the parameters.
        K: lags.
    """
    T = recurrence.steps
    n = min(T, 64)
    first = recurrence.ready_at(ready, slice(n))
    rows = errors[:, :n].clone()
    weight = two_to(torch.zeros(rows.shape[:2], device=rows.device), rows.real)
    started = monotonic()
    by_factor = recurrence.back(rows, weight, first)
    step = (monotonic() - started) * T / n
    started = monotonic()
    to_parameters.of(by_factor)
    return K * ((1 - (K - 1) / (2 * T)) * step + monotonic() - started)


def _fewer(over: float, call: ScanCall, seed: int) -> Some | None:
    of = call.steps_and_sequences[1]
    if over <= 1:
        return None
    n = power_below(of / over)
    return _drawn(n, call, seed) if n < of else None


def _drawn(n: int, call: ScanCall, seed: int) -> Some:
    """Some of those that get an error, where there are enough."""
    assert call.error is not None
    of = call.steps_and_sequences[1]
    order = np.random.default_rng(seed).permutation(of)
    without = ~call.error.flatten(1).any(1).cpu().numpy()
    columns = np.sort(order[np.argsort(without[order], kind="stable")][:n])
    return Some(columns, of, drawn_in_words(n, of, seed))
