r"""Forward mode: the lecture's own recursion, carried forward (Q3).

Real-time recurrent learning (Williams & Zipser 1989). For a parameter θ the sensitivity
S_t = ∂h_t/∂θ follows the state forward through time:

    (2)  ∂z_t/∂W_R = h_{t-1} + W_R ∂h_{t-1}/∂W_R
    (3)  ∂h_t/∂W_R = φ′(z_t) ∂z_t/∂W_R
         ∂E/∂W_R   = Σ_t ∂⁺E/∂h_t · ∂h_t/∂W_R

The first summand is the "immediate" part: h_{t-1} for W_R, x_t for W_F, 1 for b; for h_0 there is
none, and its sensitivity starts at 1. The cost is O(T·B·H⁴): a check, not a way to train.
"""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.layers import RNN, Trace


def forward_mode(layer: RNN, x: Any, dh: Any, h0: Any = None) -> Array:
    """dW_R by the lecture's recursion.

    Args:
        layer: the plain RNN.
        x: (T, B, I) inputs.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.
        h0: (B, H) initial state; zeros if not given.

    Returns:
        (H, H), what ``layer.backward`` gives by the opposite direction.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if x, dh or h0 do not fit the layer.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN.init(2, 3, rng=0, dtype="float64")
    >>> x, dh = np.ones((4, 1, 2)), np.ones((4, 1, 3))
    >>> bool(np.allclose(bptt.forward_mode(layer, x, dh),
    ...                  layer.backward(layer.forward(x), dh).dW_R, rtol=1e-14))
    True
    """
    return sensitivities(layer.forward(x, h0), dh)["W_R"]


def sensitivities(trace: Trace, dh: Any) -> dict[str, Array]:
    """The gradient by every parameter and by the initial state, carried forward.

    Args:
        trace: from a plain RNN's ``forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.

    Returns:
        "W_F" (H, I), "W_R" (H, H), "b" (H,) and "h0" (B, H).

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
    """
    layer, slope = trace.layer, trace.slope()
    dh = as_floats("dh", dh, trace.z.shape, layer.dtype)
    T, B, H = dh.shape
    I, W_R = layer.inputs, layer.W_R
    # S[θ] is ∂h_t/∂θ: (B, H, size of θ), θ flattened.
    size = {"W_F": H * I, "W_R": H * H, "b": H}
    S = {name: np.zeros((B, H, n), layer.dtype) for name, n in size.items()}
    S["h0"] = np.broadcast_to(np.eye(H, dtype=layer.dtype), (B, H, H)).copy()
    total = {name: np.zeros(n, layer.dtype) for name, n in size.items()}
    dh0 = np.zeros((B, H), layer.dtype)
    one = np.ones((B, 1), layer.dtype)
    unit = np.arange(H)
    for t in range(T):
        immediate = {"W_F": trace.x[t], "W_R": trace.h[t], "b": one}
        for name, sensitivity in S.items():
            dz = W_R @ sensitivity  # (B, H, n): W_R ∂h_{t-1}/∂θ
            if name in immediate:
                # ∂z_i/∂θ_ij has the immediate part of unit i only: the diagonal of (H, H, n/H).
                dz.reshape(B, H, H, -1)[:, unit, unit] += immediate[name][:, None]
            S[name] = slope[t][:, :, None] * dz  # (3)
        for name in size:
            total[name] += np.einsum("bh,bhn->n", dh[t], S[name])
        dh0 += np.einsum("bh,bhn->bn", dh[t], S["h0"])
    shapes = layer.parameters()
    return {name: total[name].reshape(shapes[name].shape) for name in size} | {"h0": dh0}
