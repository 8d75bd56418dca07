"""A network on a batch: every layer measured, and the one that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.diagnosis.layer import LayerDiagnosis, diagnose_traces
from bptt.diagnosis.verdict import severity
from bptt.dynamics import MemoryFunction, memory_function
from bptt.errors import OptionError, ShapeError
from bptt.gradients.by_lag import by_lag
from bptt.gradients.by_step import by_step
from bptt.layers import StackTrace
from bptt.network import Network, Run


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A network on one batch.

    Attributes:
        layers: one entry per recurrent layer and direction, by name.
        E: the loss on the batch.
        assumed: what was taken for granted, in sentences.
        truncation: the K that the user truncates at, or None.
        checked: what was compared with another library, in sentences.
        memory: what the top states remember of the inputs, or None where the batch is too small to tell.
    """

    layers: dict[str, LayerDiagnosis]
    E: float
    assumed: tuple[str, ...]
    truncation: int | None = None
    checked: tuple[str, ...] = ()
    memory: MemoryFunction | None = None

    @property
    def decisive(self) -> LayerDiagnosis:
        """The layer that the verdict is about: exploding before vanishing before steady, then by how much."""
        return max(
            self.layers.values(),
            key=lambda layer: severity(layer.verdict, layer.profile, layer.log10_attenuation),
        )


def diagnose_network(
    network: Network,
    batch: Any,
    needed_lag: int | None = None,
    *,
    max_lag: int | None = None,
    truncation: int | None = None,
) -> Diagnosis:
    """Measure a network on a batch and say what the numbers mean.

    Args:
        network: the network.
        batch: (x, targets), (x, targets, h0), or a dict of ``network.run``'s arguments by name.
        needed_lag: how far back the task needs the gradient to reach; half the sequence if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        truncation: the K at which the user truncates BPTT, for the report.

    Raises:
        OptionError: if the needed lag lies outside the sequence, or the batch is no such thing.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.
    """
    arguments = batch_arguments(batch)
    run = network.run(**arguments)
    traces = run.stack_trace.traces
    T, B, _ = traces[0].x.shape
    needed = needed_or_half(needed_lag, T)
    if max_lag is not None and 0 <= max_lag < needed:
        raise OptionError(
            "max_lag", f"at least the needed lag, {needed}", str(max_lag),
            "Compute more lags, or say that the task needs fewer (needed_lag).",
        )  # fmt: skip
    if truncation is not None and truncation < 1:
        raise OptionError("truncation", "a number from 1", str(truncation), "Or leave it out.")
    profiles = by_lag(run.stack_trace, run.dh, max_lag=max_lag)
    steps = by_step(run.stack_trace, run.dh)
    layers = diagnose_traces(network.stack.names, traces, profiles, steps, needed)
    assumed = tuple(_assumed(network, run, arguments, needed_lag, T, B))
    return Diagnosis(layers, run.E, assumed, truncation, memory=remembered(run.stack_trace))


def remembered(trace: StackTrace) -> MemoryFunction | None:
    """The memory function; None where the batch is too small to fit one, or no input varies."""
    try:
        found = memory_function(trace)
    except OptionError:
        return None
    return None if np.isnan(found.r2).all() else found


def needed_or_half(needed_lag: int | None, T: int) -> int:
    """The needed lag, checked; half of T steps if none is given.

    Raises:
        ShapeError: if there is one step only.
        OptionError: if it lies outside the sequence.
    """
    if T < 2:
        raise ShapeError("x", "at least 2 steps", f"{T}", "There is no past in a single step.")
    needed = T // 2 if needed_lag is None else int(needed_lag)
    if not 0 <= needed < T or needed != (needed if needed_lag is None else needed_lag):
        raise OptionError(
            "needed_lag", f"a whole lag from 0 to {T - 1}, within the sequence", str(needed_lag),
            "Give longer sequences.",
        )  # fmt: skip
    return needed


def batch_arguments(batch: Any) -> dict[str, Any]:
    """A batch in any form that ``diagnose`` takes, as ``network.run``'s arguments by name.

    Raises:
        OptionError: if it is no such thing.
    """
    if isinstance(batch, dict) and {"x", "targets"} <= set(batch):
        return batch
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return dict(zip(("x", "targets", "h0"), batch, strict=False))
    raise OptionError(
        "batch", "(x, targets), (x, targets, h0) or a dict with x and targets",
        type(batch).__name__, "Give a tuple or a dict.",
    )  # fmt: skip


def _assumed(
    network: Network, run: Run, arguments: dict[str, Any], needed_lag: int | None, T: int, B: int
) -> list[str]:
    if needed_lag is None:
        said = [
            f"The task is taken to need lag {T // 2}, half the sequence, because no needed lag was "
            "given. If it needs less, a short horizon is no fault."
        ]
    else:
        said = [f"The task needs lag {needed_lag}, as you said."]
    if arguments.get("h0") is None:
        said.append("The state before the first step is zero.")
    sequences = f"{B} sequence{'s' * (B > 1)}"
    lengths = run.stack_trace.traces[0].lengths
    steps = f"{T} steps" if lengths is None else f"{lengths.min()} to {lengths.max()} steps"
    said.append(
        f"The loss is taken at {_loss_at(network)}; the numbers are of one batch, "
        f"{sequences} of {steps}."
    )
    if len(run.stack_trace.traces) > 1:
        said.append(
            "Lag is counted from the loss step through all layers: the number of recurrent steps in "
            "between, in whichever layer they are taken."
        )
    return said


def _loss_at(network: Network) -> str:
    at: str | Sequence[int] = network.loss_at
    if isinstance(at, str):
        return {"every": "every step", "last": "the last step"}[at]
    return f"{len(at)} steps"
