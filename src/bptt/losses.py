r"""Losses at the readout: E and ∂E/∂o in one pass.

    cross_entropy   E = mean over (step, sequence) of -log softmax(o)[target]
    mse             E = mean over (step, sequence, output) of (o - target)²

Both are means, as PyTorch's ``CrossEntropyLoss`` and ``MSELoss`` are unless told otherwise.
"""

from collections.abc import Callable

import numpy as np

from bptt.arrays import Array

Loss = Callable[[Array, Array], tuple[float, Array]]


def cross_entropy(o: Array, targets: Array) -> tuple[float, Array]:
    """Natural-log cross-entropy over classes.

    Args:
        o: (N, B, O) logits.
        targets: (N, B) class labels, integers.

    Returns:
        E in nats and do (N, B, O).
    """
    shifted = o - o.max(-1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(-1, keepdims=True)
    p /= total
    label = targets[..., None]
    nll = np.log(total) - np.take_along_axis(shifted, label, -1)
    np.put_along_axis(p, label, np.take_along_axis(p, label, -1) - 1, -1)
    p /= targets.size
    return float(nll.mean(dtype=np.float64)), p


def mean_squared_error(o: Array, targets: Array) -> tuple[float, Array]:
    """Mean squared error.

    Args:
        o: (N, B, O) outputs.
        targets: (N, B, O) numbers.

    Returns:
        E and do (N, B, O).
    """
    miss = o - targets
    return float(np.square(miss).mean(dtype=np.float64)), miss * o.dtype.type(2 / miss.size)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "mse": mean_squared_error}
