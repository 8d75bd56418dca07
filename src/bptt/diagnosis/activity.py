"""Where the units of a layer work on data: their slopes, and how far the carry's gate is open."""

import numpy as np

from bptt.arrays import Array
from bptt.layers import RNN, Trace
from bptt.layers.sequences import inside

CANDIDATE = 2  # the place of g among i, f, g, o and of n among r, z, n


def slopes_of(trace: Trace) -> tuple[Array, Array]:
    """|φ′| of every unit at every real step: (M, H), or (M, gates, H) of a gated cell; the steepest."""
    layer, valid = trace.layer, _valid(trace)
    if isinstance(layer, RNN):
        slopes = np.abs(trace.linearised()[0][valid])
        return slopes, np.asarray(layer.phi.steepest or float(slopes.max()))
    gates = trace.saved[valid].reshape(-1, len(layer.cell.saved), layer.hidden)
    if layer.kind == "gru":
        gates = gates[:, :3]  # the fourth is not a gate: W_Rn h + b_Rn
    slopes = gates * (1 - gates)
    slopes[:, CANDIDATE] = 1 - gates[:, CANDIDATE] ** 2
    steepest = np.full((slopes.shape[1], 1), 0.25)
    steepest[CANDIDATE] = 1
    return slopes, steepest


def _valid(trace: Trace) -> Array:
    """(T, B) True where a sequence has a step."""
    if trace.lengths is None:
        return np.ones(trace.x.shape[:2], bool)
    return inside(trace.lengths, len(trace.x))


def carry_gate(trace: Trace) -> float | None:
    """Mean of f of an LSTM, of z of a GRU; both stand second among the gates."""
    if isinstance(trace.layer, RNN):
        return None
    H = trace.layer.hidden
    return float(trace.saved[_valid(trace)][:, H : 2 * H].mean(dtype=np.float64))
