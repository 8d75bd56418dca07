r"""Forward mode: the lecture's own recursion, carried forward (Q3).

Real-time recurrent learning (Williams & Zipser 1989). For a parameter θ the sensitivity
S_t = ∂state_t/∂θ follows the state forward through time; for the plain RNN

    (2)  ∂z_t/∂W_R = h_{t-1} + W_R ∂h_{t-1}/∂W_R
    (3)  ∂h_t/∂W_R = φ′(z_t) ∂z_t/∂W_R
         ∂E/∂W_R   = Σ_t ∂⁺E/∂h_t · ∂h_t/∂W_R

The first summand is the "immediate" part: h_{t-1} for W_R, x_t for W_F, 1 for the biases; for the initial
state there is none, and its sensitivity starts at 1. Gated cells put ∂z_t through their gates instead of
(3). The cost is O(T·B·H⁴): a check, not a way to train.
"""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_kind
from bptt.layers import Layer, Trace
from bptt.layers.immediate import state_errors


def forward_mode(layer: Layer, x: Any, dh: Any, h0: Any = None, c0: Any = None) -> Array:
    """dW_R by the lecture's recursion.

    Args:
        layer: one RNN, LSTM or GRU.
        x: (T, B, I) inputs.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.
        h0: (B, H) initial state; zeros if not given.
        c0: (B, H) initial cell state of an LSTM; zeros if not given.

    Returns:
        (G·H, H), what ``layer.backward`` gives by the opposite direction.

    Raises:
        OptionError: if it is no layer.
        ShapeError, DTypeError, NonFiniteError: if x, dh or a state do not fit the layer.

    >>> import numpy as np, bptt
    >>> layer = bptt.GRU.init(2, 3, rng=0, dtype="float64")
    >>> x, dh = np.ones((4, 1, 2)), np.ones((4, 1, 3))
    >>> bool(np.allclose(bptt.forward_mode(layer, x, dh),
    ...                  layer.backward(layer.forward(x), dh).dW_R, rtol=1e-14))
    True
    """
    as_kind(
        "layer", layer, Layer, "a layer: RNN, LSTM or GRU", "Of a stack take one: stack.layers[0]."
    )
    return sensitivities(layer.forward(x, h0, c0), dh)["W_R"]


def sensitivities(trace: Trace, dh: Any) -> dict[str, Array]:
    """The gradient by every parameter and by the initial state, carried forward.

    Args:
        trace: from a layer's ``forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.

    Returns:
        "W_F" (G·H, I), "W_R" (G·H, H), "b" (G·H,), "h0" (B, H); "b_Rn" (H,) of a GRU, "c0" (B, H) of
        an LSTM.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
    """
    layer, cell, W_R = trace.layer, trace.weights.cell, trace.weights.W_R
    d, derivatives = state_errors(trace, dh), trace.linearised()
    (h_prev, *_), keep = trace.before(), trace.keep
    T, B, S = d.shape
    H, rows, dtype = layer.hidden, len(W_R), W_R.dtype
    names = [*layer.parameters(), "state0"]
    shape = {name: value.shape for name, value in layer.parameters().items()} | {"state0": (S,)}
    # S_t[θ] is ∂state_t/∂θ: (B, S, size of θ), θ flattened.
    sensitivity = {name: np.zeros((B, S, int(np.prod(shape[name]))), dtype) for name in names}
    sensitivity["state0"] += np.eye(S, dtype=dtype)
    bias_of = dict(zip(cell.bias_names, cell.recurrent_biases, strict=True))
    total = {name: np.zeros((B, sensitivity[name].shape[2]), dtype) for name in names}
    every = slice(0, rows)
    for t in range(T):
        of_step = tuple(array[t] for array in derivatives)
        for name in names:
            prev = sensitivity[name]
            if keep is not None:
                prev = prev * keep[t][:, None, None]
            dz_R = np.zeros((B, rows, prev.shape[2]), dtype)
            dz_F = np.zeros_like(dz_R)
            match name:
                case "W_F":
                    _add_immediate(dz_F, trace.x[t], every)
                case "W_R":
                    for gate in cell.gates:
                        block = cell.block(gate, H)
                        multiplied = cell.multiplied(gate, h_prev[t], trace.saved[t])
                        _add_immediate(dz_R, multiplied, block, of=every)
                case "b":
                    _add_immediate(dz_F, np.ones((B, 1), dtype), every)
                case _ if name in bias_of:
                    _add_immediate(dz_R, np.ones((B, 1), dtype), cell.block(bias_of[name], H))
            if cell.onward is None:
                dz_R += W_R @ prev[:, :H]  # W_R ∂h_{t-1}/∂θ
            else:
                cell.onward(dz_F, dz_R, prev, of_step, W_R)
            sensitivity[name] = cell.jvp(dz_F, dz_R, prev, of_step)
            total[name] += np.einsum("bs,bsn->bn", d[t], sensitivity[name])
    state0 = total.pop("state0")
    gradient = {name: value.sum(0).reshape(shape[name]) for name, value in total.items()}
    gradient |= {"h0": state0[:, :H]}
    return gradient if S == H else gradient | {"c0": state0[:, H:]}


def _add_immediate(dz: Array, value: Array, block: slice, of: slice | None = None) -> None:
    """∂z_i/∂θ_ij = value_j of the rows i of a block: the diagonal of (rows, rows of θ, n).

    Args:
        dz: (B, G·H, size of θ) changes; added to.
        value: (B, J) what θ multiplies.
        block: the rows.
        of: the rows that θ has, by default those of the block.
    """
    of = block if of is None else of
    B, rows, _ = dz.shape
    unit = np.arange(block.start, block.stop)
    dz.reshape(B, rows, of.stop - of.start, -1)[:, unit, unit - of.start] += value[:, None]
