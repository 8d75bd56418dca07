"""A network on one batch, forward; and which states the readout reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.layers import Layer, StackTrace, Trace
from bptt.network.losses import LossAt


@dataclass(frozen=True, eq=False)
class Run:
    """A network on one batch, forward: states, outputs, error, and what the error sends back.

    Attributes:
        network: that was run.
        stack_trace: the recurrent layers' forward pass.
        loss_steps: (N,) steps at which the loss is taken; for the loss at the last step one, whatever its number.
        o: (N, B, O) outputs at the loss steps.
        E: the error, a number.
        do: (N, B, O) ∂E/∂o.
        h: (N, B, ·) what the readout read.
        dh: (T, B, ·) immediate gradient ∂⁺E/∂h_t on the top level; zero where there is no loss.
    """

    network: Any
    stack_trace: StackTrace
    loss_steps: Array
    o: Array
    E: float
    do: Array
    h: Array
    dh: Array

    @property
    def trace(self) -> Trace | StackTrace:
        """The layer's trace where there is one layer, else the stack's."""
        traces = self.stack_trace.traces
        return traces[0] if len(traces) == 1 else self.stack_trace


def top_traces(trace: StackTrace) -> list[Trace]:
    """The traces of the top level: one, or forward and backward."""
    levels = trace.stack.levels
    return trace.traces[-1:] if isinstance(levels[-1], Layer) else trace.traces[-2:]


def immediate_at_top(
    trace: StackTrace, loss_at: LossAt, loss_steps: Array, at_readout: Array
) -> Array:
    """∂⁺E/∂h on the top level, (T, B, ·), from the errors at what the readout read.

    Args:
        trace: the forward pass.
        loss_at: of the network; "last" is each sequence's own last step.
        loss_steps: (N,) steps at which the loss is taken.
        at_readout: (N, B, ·) errors at what the readout read.
    """
    top = top_traces(trace)
    T, B, _ = top[0].x.shape
    dh = np.zeros((T, B, trace.stack.outputs), trace.stack.dtype)
    if loss_at != "last":
        dh[loss_steps] = at_readout
        return dh
    H, lengths = top[0].layer.hidden, top[0].lengths
    last = np.full(B, T - 1) if lengths is None else lengths - 1
    dh[last, np.arange(B), :H] = at_readout[0, :, :H]
    if len(top) == 2:  # the backward direction ends where the sequence begins
        dh[0, :, H:] = at_readout[0, :, H:]
    return dh
