r"""Losses at the readout: E and ∂E/∂o in one pass.

    cross_entropy   E = mean over (step, sequence) of -log softmax(o)[target]
    mse             E = mean over (step, sequence, output) of (o - target)²

Both are means, as PyTorch's ``CrossEntropyLoss`` and ``MSELoss`` are unless told otherwise.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array, as_array, as_classes, as_floats
from bptt.errors import DTypeError, OptionError, ShapeError

LossAt = Literal["every", "last"] | Sequence[int]
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
    return float(np.square(miss, dtype=np.float64).mean()), miss * o.dtype.type(2 / miss.size)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "mse": mean_squared_error}


def loss_where(name: str, o: Array, targets: Array, counted: Array | None) -> tuple[float, Array]:
    """A loss over the (step, sequence) pairs that count; do is zero elsewhere.

    Args:
        name: of the loss.
        o: (N, B, O) outputs.
        targets: as the loss takes them.
        counted: (N, B) booleans; None counts all.

    Returns:
        E and do (N, B, O).
    """
    if counted is None:
        return LOSSES[name](o, targets)
    do = np.zeros_like(o)
    E, part = LOSSES[name](o[counted][:, None], targets[counted][:, None])
    do[counted] = part[:, 0]
    return E, do


def as_targets(
    name: str,
    targets: Any,
    shape: tuple[int, int, int],
    dtype: npt.DTypeLike,
    counted: Array | None,
) -> Array:
    """Targets checked: (N, B) classes for cross-entropy, (N, B, O) numbers for mse.

    Args:
        name: of the loss.
        targets: what came; the step's axis may be left out where N is 1.
        shape: (N, B, O).
        dtype: of the numbers.
        counted: (N, B) which are read; the others may be anything, -100 or NaN.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if they do not fit.
    """
    N, B, O = shape
    classes = name == "cross_entropy"
    typed = hasattr(targets, "dtype")
    given = as_array("targets", targets)
    if N == 1 and given.ndim == (1 if classes else 2):
        given = given[None]
    if counted is not None and given.shape[:2] == counted.shape and given.ndim == 3 - classes:
        outside = ~counted if classes else ~counted[..., None]
        given = np.where(outside, np.zeros(1, given.dtype), given)
    targets = given if typed else given.tolist()  # Python's numbers take the type that is asked for
    try:
        if classes:
            return as_classes("targets", targets, (N, B), O)
        return as_floats("targets", targets, shape, dtype)
    except ShapeError as error:
        raise ShapeError(
            "targets", error.expected, error.got,
            f"Pass one per loss step ({N} of them) and sequence.",
        ) from None  # fmt: skip


def as_loss_at(loss_at: Any) -> LossAt:
    """At which steps the loss is taken: "every", "last" or a tuple of steps, in order.

    Raises:
        OptionError: if it is none of them.
    """
    if isinstance(loss_at, str) and loss_at in ("every", "last"):
        return loss_at  # type: ignore[return-value]
    try:
        steps = as_array("loss_at", loss_at)
    except DTypeError:  # a ragged list
        steps = np.empty(0)
    if steps.dtype.kind not in "iu" or steps.ndim != 1 or not len(steps) or steps.min() < 0:
        raise OptionError(
            "loss_at", '"every", "last" or a list of steps from 0', repr(loss_at),
            "For example loss_at=[9, 19].",
        )  # fmt: skip
    return tuple(int(step) for step in np.unique(steps))


def steps_of(loss_at: LossAt, T: int) -> Array:
    """(N,) the steps of a sequence of T at which the loss is taken.

    Raises:
        OptionError: if a step that was asked for lies outside 0 .. T-1.
    """
    if loss_at == "every":
        return np.arange(T)
    if loss_at == "last":
        return np.array([T - 1])
    steps = np.array(loss_at)
    if steps[-1] >= T:
        raise OptionError(
            "loss_at",
            f"steps from 0 to {T - 1}",
            str(steps[-1]),
            "Use longer sequences, or earlier steps.",
        )
    return steps
