r"""The largest Lyapunov exponent, and the spread of the singular values, of a network in the state that its inputs keep it in.

A batch starts from h = 0, and the first steps are not typical: the states are small, so φ′ is near 1 and the
exponent comes out too large; without inputs they stay at rest for ever. Here the batch is read twice, the first time from
random states, and the exponent is that of the second reading, whose first states are the last of the first.
"""

from typing import Any

import numpy as np

from bptt.dynamics import Exponents, isometry, lyapunov
from bptt.errors import NonFiniteError
from bptt.layers import StackTrace
from bptt.network import Network

SEQUENCES = 8  # of the longest ones; more make it no better than the choice of weights allows
SHORTEST = 20  # steps


def settled(
    network: Network, batch: dict[str, Any], seed: int
) -> dict[str, tuple[Exponents, float]] | None:
    """Of every layer, by its name, the largest exponent, in ln per step, and how far its last Jacobian is from an isometry.

    Where states grow without bound there is no such state, and the sequences are read from zero.

    Args:
        network: the network.
        batch: the arguments of ``network.run``; x is (T, B, I).
        seed: of the random states that the first reading starts from.

    Returns:
        None where the sequences are shorter than 20 steps.
    """
    x, lengths = batch["x"], batch.get("lengths")
    if lengths is not None:
        x = x[: lengths.max(), lengths == lengths.max()]
    if len(x) < SHORTEST:
        return None
    x = np.ascontiguousarray(x[:, :SEQUENCES])
    try:
        # Far outside, the numbers are dropped with the error.
        with np.errstate(over="ignore", invalid="ignore"):
            trace = _settled(network, x, seed)
    except NonFiniteError:
        trace = network.stack.forward(x)
    return {
        name: (lyapunov(part, count=1), isometry(part))
        for name, part in zip(network.stack.names, trace.traces, strict=True)
    }


def _settled(network: Network, x: Any, seed: int) -> StackTrace:
    """The second reading."""
    layers, stack = network.stack.layers, network.stack
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    start = [
        [rng.standard_normal((x.shape[1], layer.hidden)).astype(layer.dtype) for layer in layers]
        for _ in range(2)
    ]
    cells = [
        c if len(layer.cell.states) > 1 else None for c, layer in zip(start[1], layers, strict=True)
    ]
    first = stack.forward(x, start[0], cells)
    ends = [[state[-1] for state in trace.states] for trace in first.traces]
    return stack.forward(x, [end[0] for end in ends], [end[1] if end[1:] else None for end in ends])
