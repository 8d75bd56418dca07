r"""Ω: a regulariser that keeps the error's length as it goes back (Pascanu, Mikolov & Bengio 2013, eq. 9-10).

    v_k = dz_{k+1} = dE/dz_{k+1}           the whole error at the next step
    u_k = (v_k W_R) ⊙ φ′(z_k)              what of it reaches the step before
    Ω   = mean_k (‖u_k‖²/‖v_k‖² - 1)²       the paper sums over k and writes norms in eq. 9, squares in eq. 10

The derivative is the immediate one of eq. 10: v_k and z_k are held constant, so that one matrix product gives it,

    ∂⁺Ω/∂W_R = mean_k (4/‖v_k‖²) (‖u_k‖²/‖v_k‖² - 1) v_k ⊗ (u_k ⊙ φ′(z_k))

The mean is over all pairs of neighbouring steps and all sequences that an error passes: the weight λ of Ω in a
loss then means the same for short and long sequences. The authors' own program takes this mean too. Only the
error's direction matters: a factor of E changes nothing.
"""

from typing import Any

import numpy as np

from bptt import kernels
from bptt.arrays import Array, as_floats
from bptt.cells import Cell
from bptt.errors import OptionError
from bptt.layers import StackTrace, Trace
from bptt.layers.descent import ARRAYS, descend
from bptt.layers.immediate import state_errors
from bptt.layers.levels import directions
from bptt.layers.stack_errors import immediate_errors


def regulariser(trace: Trace | StackTrace, dh: Any) -> tuple[float, list[Array]]:
    """Ω, summed over layers, and its immediate gradient by each layer's W_R.

    Args:
        trace: from ``layer.forward`` or ``stack.forward``, of plain RNN layers.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t on the top layer's states; for a stack also a list, as
            for its ``backward``.

    Returns:
        Ω, dimensionless, 0 where no error passes two steps; and a list of ∂⁺Ω/∂W_R, each (H, H), one per
        layer as in ``stack.names``. Ω is NaN where the errors grow beyond the type.

    Raises:
        OptionError: if a layer is gated: Ω is defined for the plain RNN.
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.

    >>> import numpy as np, bptt
    >>> from bptt.regularisers.omega import regulariser
    >>> layer = bptt.RNN([[1.0]], [[0.5]], [0.0], "identity")
    >>> trace, dh = layer.forward(np.ones((3, 1, 1))), np.zeros((3, 1, 1))
    >>> dh[-1] = 1
    >>> regulariser(trace, dh)  # (w² - 1)² and 4 w (w² - 1)
    (0.5625, [array([[-1.5]])])
    """
    traces = [trace] if isinstance(trace, Trace) else trace.traces
    for each in traces:
        _refuse_gates(each)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the type it is NaN
        errors = _errors(trace, dh)
        by_layer = [_of_layer(each, dz) for each, dz in zip(traces, errors, strict=True)]
    return sum(value for value, _ in by_layer), [gradient for _, gradient in by_layer]


def from_errors(trace: Trace, dz: Any) -> tuple[float, Array]:
    """Ω of one layer and ∂⁺Ω/∂W_R, where a backward pass has left its dz.

    Args:
        trace: from the ``forward`` of a plain RNN layer.
        dz: (T, B, H) the whole error dE/dz_t of every step, or any positive multiple of it.

    Returns:
        Ω and an (H, H) array.

    Raises:
        OptionError: if the layer is gated.
        ShapeError, DTypeError, NonFiniteError: if dz does not fit the trace.
    """
    _refuse_gates(trace)
    return _of_layer(trace, as_floats("dz", dz, trace.saved.shape, trace.layer.dtype))


def defined_for(cell: Cell) -> bool:
    """Whether Ω is defined for a cell: it has no gates besides the state's own drive."""
    return len(cell.gates) == 1


def _refuse_gates(trace: Trace) -> None:
    if not defined_for(trace.weights.cell):
        raise OptionError(
            "trace", "plain RNN layers", f"a layer of kind {trace.weights.cell.name!r}",
            "Ω is defined for the plain RNN; gates are there to do what it does.",
        )  # fmt: skip


def _of_layer(trace: Trace, dz: Array) -> tuple[float, Array]:
    """Ω and ∂⁺Ω/∂W_R of one layer, all steps at once."""
    W_R = trace.weights.W_R
    if len(dz) == 1:
        return 0.0, np.zeros_like(W_R)
    # Rows of largest entry 1: squares of an error of 1e-30 would leave the type.
    v = dz[1:]
    size = np.abs(v).max(-1, keepdims=True)
    counted = size[..., 0] != 0
    if trace.keep is not None:
        counted &= trace.keep[1:]  # nothing passes a reset
    pairs = max(1, int(counted.sum()))
    v = v / np.where(size == 0, 1, size)
    (slope,) = trace.linearised(0, len(dz) - 1)
    u = kernels.affine(v, W_R)
    u *= slope
    length = np.where(counted, np.einsum("kbh,kbh->kb", v, v), 1)
    off = np.where(counted, np.einsum("kbh,kbh->kb", u, u) / length - 1, 0)
    u *= slope
    u *= (4 / pairs * off / length).astype(u.dtype)[..., None]
    return float(np.square(off, dtype=np.float64).sum() / pairs), kernels.outer(v, u)


def _errors(trace: Trace | StackTrace, dh: Any) -> list[Array]:
    """dz of every layer, (T, B, H), each up to a power of two and in its own order."""
    if isinstance(trace, Trace):
        return [_back(trace, state_errors(trace, dh))[0]]

    bottom = len(directions(trace.levels[0]))

    def step(number: int, t: Trace, d: Array) -> tuple[Array, Array | None]:
        dz, scale = _back(t, d)
        if number < bottom:  # nobody asks for the errors of the inputs
            return dz, None
        return dz, np.ldexp(kernels.affine(dz, t.weights.W_F), scale)

    return descend(trace, immediate_errors(trace, dh), ARRAYS, step)[0]


def _back(trace: Trace, d: Array) -> tuple[Array, int]:
    """One layer's dz over 2^scale: what is carried back stays within the type's range."""
    scale = int(np.frexp(np.abs(d).max())[1])
    d = np.ldexp(d, -scale)
    dz, _, _ = kernels.backward(trace.weights, d, *trace.part(), trace.kept())
    return dz, scale
