"""A whole layer by the NumPy loops: level by level, direction by direction, each sequence alone with its own length."""

from dataclasses import dataclass

import numpy as np

from bptt.cells import Weights, gru, lstm, rnn
from bptt.cells.activations import ACTIVATIONS
from bptt.kernels import numpy_loops

CELLS = {"RNN_TANH": rnn.CELL, "RNN_RELU": rnn.CELL, "LSTM": lstm.CELL, "GRU": gru.CELL}


@dataclass
class Problem:
    """A layer and its data; sequences of different lengths are longest first."""

    kind: str
    weights: list  # of (W_ih, W_hh, b_ih, b_hh)
    H: int
    levels: int
    directions: int
    x: np.ndarray
    state0: list  # (levels · directions, B, H) each
    masks: np.ndarray | None
    lengths: np.ndarray
    errors: list  # of y and of the last states

    @property
    def sizes(self):
        """(T, B, I)."""
        return self.x.shape

    @property
    def packed(self):
        """Whether sequences differ in length."""
        return (self.lengths < len(self.x)).any()


def problem(
    rng,
    kind,
    shape,
    levels=1,
    directions=1,
    dtype="float64",
    bias=True,
    dropout=False,
    ragged=False,
):
    """Numbers of order one."""
    T, B, I, H = shape
    cell = CELLS[kind]
    rows, wide = len(cell.gates) * H, directions * H

    def some(*shape, scale=1.0):
        return (scale * rng.uniform(-1, 1, shape)).astype(dtype)

    weights = []
    for level in range(levels):
        for _ in range(directions):
            W = (some(rows, wide if level else I), some(rows, H, scale=H**-0.5))
            weights.append((*W, some(rows) if bias else None, some(rows) if bias else None))
    state0 = [some(levels * directions, B, H) for _ in cell.states]
    masks = None
    if dropout:
        masks = (rng.random((levels - 1, T, B, wide)) < 0.7).astype(dtype) / np.dtype(dtype).type(
            0.7
        )
    lengths = np.full(B, T)
    if ragged:
        lengths = -np.sort(-rng.integers(1, T + 1, B))
        lengths[0] = T
    errors = [some(T, B, wide), *(some(*state.shape) for state in state0)]
    return Problem(
        kind, weights, H, levels, directions, some(T, B, I), state0, masks, lengths, errors
    )


def alone(p, b):
    """One sequence through the NumPy loops: y, last states; and what to call for its gradients."""
    cell, T = CELLS[p.kind], p.lengths[b]
    phi = ACTIVATIONS["relu" if p.kind == "RNN_RELU" else "tanh"]
    below, tape, last = p.x[:T, b : b + 1], [], []
    for level in range(p.levels):
        tops = []
        if level and p.masks is not None:
            below = below * p.masks[level - 1, :T, b : b + 1]
        for direction in range(p.directions):
            number = level * p.directions + direction
            W_F, W_R, b_F, b_R = p.weights[number]
            zeros = np.zeros(len(W_F), W_F.dtype)
            b_F, b_R = (zeros, zeros) if b_F is None else (b_F, b_R)
            recurrent = (b_R[2 * p.H :],) if p.kind == "GRU" else ()
            if recurrent:
                b_F, b_R = b_F.copy(), b_R.copy()
                b_R[2 * p.H :] = 0
            weights = Weights(cell, W_F, W_R, b_F + b_R, recurrent, phi)
            x = below[::-1] if direction else below
            state0 = tuple(state[number, b : b + 1] for state in p.state0)
            saved, states = numpy_loops.forward(weights, x, state0, None)
            tape.append((weights, x, saved, states))
            last.append([state[-1, 0] for state in states])
            tops.append(states[0][1:][::-1] if direction else states[0][1:])
        below = np.concatenate(tops, axis=2)
    return below[:, 0], last, tape


def alone_back(p, b, tape):
    """Gradients of that sequence: x, first states, and weights of each level and direction."""
    T, H = p.lengths[b], p.H
    d, d_states, d_weights = p.errors[0][:T, b : b + 1], {}, {}
    for level in reversed(range(p.levels)):
        dx = 0
        for direction in range(p.directions):
            number = level * p.directions + direction
            weights, x, saved, states = tape[number]
            own = d[..., direction * H :][..., :H]
            whole = np.zeros((T, 1, len(p.state0) * H), d.dtype)
            whole[..., :H] = own[::-1] if direction else own
            whole[-1] += np.concatenate([e[number, b : b + 1] for e in p.errors[1:]], axis=1)
            dz_R, dz_F, back = numpy_loops.backward(weights, whole, saved, states, None)
            d_states[number] = back[0].reshape(-1, H)
            d_weights[number] = (
                numpy_loops.outer(dz_F, x), numpy_loops.outer(dz_R, states[0][:-1]),
                dz_F.sum(axis=(0, 1)), dz_R.sum(axis=(0, 1)),
            )  # fmt: skip
            to_x = numpy_loops.affine(dz_F, weights.W_F)
            dx = dx + (to_x[::-1] if direction else to_x)
        d = dx if not level or p.masks is None else dx * p.masks[level - 1, :T, b : b + 1]
    return d[:, 0], d_states, d_weights


def expected(p):
    """Everything that the two calls give, in NumPy."""
    layers = range(p.levels * p.directions)
    y, dx = np.zeros_like(p.errors[0]), np.zeros_like(p.x)
    last, first = [np.zeros_like(s) for s in p.state0], [np.zeros_like(s) for s in p.state0]
    gradients = [[np.zeros_like(W) for W in (*w[:2], w[0][:, 0], w[0][:, 0])] for w in p.weights]
    for b in range(p.x.shape[1]):
        T = p.lengths[b]
        y[:T, b], states, tape = alone(p, b)
        dx[:T, b], d_states, d_weights = alone_back(p, b, tape)
        for layer in layers:
            for part in range(len(p.state0)):
                last[part][layer, b] = states[layer][part]
                first[part][layer, b] = d_states[layer][part]
            for total, own in zip(gradients[layer], d_weights[layer], strict=True):
                total += own
    biases = 2 if p.weights[0][2] is None else 4
    return [y, *last], [dx, *first, *(g for layer in gradients for g in layer[:biases])]
