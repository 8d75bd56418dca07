"""A network on a batch: every layer measured, and the one that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bptt.arrays import as_whole
from bptt.diagnosis.lags import assumed_lags, needed_lags, needed_or_half, own_steps
from bptt.diagnosis.layer import diagnose_traces
from bptt.diagnosis.reading import remarks_on_memory
from bptt.diagnosis.recurrence import RecurrenceDiagnosis
from bptt.diagnosis.remembering import remarks_on_inputs, remembered
from bptt.diagnosis.verdict import severity
from bptt.dynamics import MemoryFunction
from bptt.errors import OptionError
from bptt.gradients.by_lag.walk import Walking, lags_of
from bptt.gradients.by_step import by_step
from bptt.network import Network, Run
from bptt.presentation.formatting import counted
from bptt.presentation.progress import Update


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
        needed_lag: the lag that the task needs, as the user gave it; None if nobody said.
        read: how the batch was read, steps by sequences; "" where that is said elsewhere.
    """

    layers: Mapping[str, RecurrenceDiagnosis]
    E: float
    assumed: tuple[str, ...]
    truncation: int | None = None
    checked: tuple[str, ...] = ()
    memory: MemoryFunction | None = None
    needed_lag: int | None = None
    read: str = ""

    @property
    def decisive(self) -> RecurrenceDiagnosis:
        """The layer that the verdict is about: exploding before vanishing before steady, then by how much.

        Layers that are too short for the lag that the task needs come last, unless they explode.
        """

        def key(layer: RecurrenceDiagnosis) -> tuple[bool, int, float]:
            concerned = layer.verdict == "exploding" or not self.too_short(layer)
            return concerned, *severity(layer.verdict, layer.profile, layer.log10_attenuation)

        return max(self.layers.values(), key=key)

    @property
    def remembered(self) -> float:
        """R² of the input of the needed lag, read linearly off the state; NaN where it could not be measured."""
        lag = self.decisive.needed_lag
        if self.memory is None or lag >= len(self.memory.r2):
            return float("nan")
        return float(self.memory.r2[lag])

    def too_short(self, layer: RecurrenceDiagnosis) -> bool:
        """Whether a layer has too few steps to be judged at the lag that the user named."""
        return self.needed_lag is not None and layer.needed_lag < self.needed_lag


def diagnose_network(
    network: Network,
    batch: Any,
    needed_lag: int | None = None,
    *,
    max_lag: int | None = None,
    truncation: int | None = None,
    update: Update | None = None,
) -> Diagnosis:
    """Measure a network on a batch and say what the numbers mean.

    Args:
        network: the network.
        batch: (x, targets), (x, targets, h0), or a dict of ``network.run``'s arguments by name.
        needed_lag: how far back the task needs the gradient to reach; half of each layer's own steps if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        truncation: the K at which the user truncates BPTT, for the report.
        update: shows how far the walk by lag has come, or None.

    Raises:
        OptionError: if a lag is no whole number or out of reach, or the batch has another form.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.
    """
    arguments = batch_arguments(batch)
    run = network.run(**arguments)
    traces = run.stack_trace.traces
    lag = needed_or_half(needed_lag, own_steps(traces[0]), max_lag)
    needed_lag = None if needed_lag is None else lag
    if truncation is not None:
        truncation = as_whole("truncation", truncation, least=1)
    max_lag = None if max_lag is None else as_whole("max_lag", max_lag, least=0)
    profiles = lags_of(run.stack_trace, run.dh, Walking(max_lag, update=update))
    steps = by_step(run.stack_trace, run.dh)
    names = network.stack.names
    needed = needed_lags(needed_lag, traces, profiles, max_lag)
    layers = diagnose_traces(names, traces, profiles, steps, needed)
    memory = remembered(run.stack_trace)
    assumed = (
        *assumed_lags(needed_lag, names, traces, profiles, needed),
        *_assumed(network, run, arguments),
        *remarks_on_inputs(run.stack_trace, memory),
        *remarks_on_memory(memory, lag),
    )
    return Diagnosis(layers, run.E, assumed, truncation, (), memory, needed_lag)


def batch_arguments(batch: Any) -> dict[str, Any]:
    """A batch in any form that ``diagnose`` takes, as ``network.run``'s arguments by name.

    Raises:
        OptionError: if it has another form.
    """
    if isinstance(batch, dict) and {"x", "targets"} <= set(batch):
        return batch
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return dict(zip(("x", "targets", "h0"), batch, strict=False))
    raise OptionError(
        "batch", "(x, targets), (x, targets, h0) or a dict with x and targets",
        type(batch).__name__, "Pass a tuple or a dict.",
    )  # fmt: skip


def _assumed(network: Network, run: Run, arguments: dict[str, Any]) -> list[str]:
    """What else was taken for granted."""
    trace = run.stack_trace.traces[0]
    T, B, _ = trace.x.shape
    sentences = []
    if arguments.get("h0") is None:
        sentences.append("The state before the first step is zero.")
    sequences = counted(B, "sequence")
    lengths = trace.lengths
    steps = f"{T} steps" if lengths is None else f"{lengths.min()} to {lengths.max()} steps"
    sentences.append(
        f"The loss is taken at {_loss_at(network)}. The numbers come from one batch of {sequences} "
        f"of {steps}."
    )
    if len(run.stack_trace.traces) > 1:
        sentences.append(
            "Lag is counted from the loss step through all layers: the number of recurrent steps in "
            "between, in whichever layer they are taken."
        )
    return sentences


def _loss_at(network: Network) -> str:
    at: str | Sequence[int] = network.loss_at
    if isinstance(at, str):
        return {"every": "every step", "last": "the last step"}[at]
    return counted(len(at), "step")
