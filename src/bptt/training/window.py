r"""A window longer than a chunk: truncated BPTT(k1, k2) on a stream (Williams & Peng 1990).

Every k1 steps the errors of the last k1 losses are carried back, at most k2 steps into the past. The traces
of the k2 - k1 steps before a chunk are kept and joined to the chunk's own; the immediate gradient ∂⁺E/∂h_t is
zero in them, for their losses were used when they were new. No step is run forward twice: the kept states were
computed with the weights of their time, as in Williams & Peng, and are carried back through with the weights of now.
"""

from dataclasses import replace

import numpy as np

from bptt.arrays import Array
from bptt.layers import StackTrace, Trace
from bptt.network import Network, Run

Past = list[
    dict[str, Array]
]  # per layer "x", "saved", "h" (and "c"): the time steps before a chunk


def joined(past: Past, run: Run) -> Run:
    """A chunk's run with the steps before it in front; ``network.backward`` takes it.

    Args:
        past: n steps, from ``kept``; the chunk must have started from their last states.
        run: the chunk, T steps.

    Returns:
        a run whose trace has n + T steps, and whose dh is zero in the first n.
    """
    if not past:
        return run
    traces = [
        _behind(trace, before) for trace, before in zip(run.stack_trace.traces, past, strict=True)
    ]
    nothing = np.zeros((len(past[0]["x"]), *run.dh.shape[1:]), run.dh.dtype)
    whole = StackTrace(run.stack_trace.stack, tuple(traces), run.stack_trace.masks)
    return replace(run, stack_trace=whole, dh=np.concatenate([nothing, run.dh]))


def kept(run: Run, steps: int) -> Past:
    """The last time steps of a run, for the chunk that follows; nothing where ``steps`` is 0."""
    if steps < 1:
        return []
    return [
        {"x": t.x[-steps:], "saved": t.saved[-steps:]}
        | {
            name: part[-steps - 1 :]
            for name, part in zip(t.weights.cell.states, t.states, strict=True)
        }
        for t in run.stack_trace.traces
    ]


def shapes(network: Network, batch: int, n: int) -> list[dict[str, tuple[int, int, int]]]:
    """The shapes in a past of n steps, per layer."""
    shapes_of = []
    for layer in network.stack.layers:
        widths = {"x": layer.inputs, "saved": len(layer.cell.saved) * layer.hidden}
        of_layer = {name: (n, batch, int(width)) for name, width in widths.items()}
        names = layer.cell.states
        shapes_of.append(of_layer | dict.fromkeys(names, (n + 1, batch, layer.hidden)))
    return shapes_of


def _behind(trace: Trace, past: dict[str, Array]) -> Trace:
    states = tuple(
        np.concatenate([past[name], part[1:]])
        for name, part in zip(trace.weights.cell.states, trace.states, strict=True)
    )
    x, saved = (np.concatenate([past[k], v]) for k, v in (("x", trace.x), ("saved", trace.saved)))
    return replace(trace, x=x, saved=saved, states=states)
