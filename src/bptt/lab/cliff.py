r"""A cliff in the error, and what clipping does there (Pascanu, Mikolov & Bengio 2013, figure 6).

One unit without inputs, run for 50 steps:

    x_{t+1} = w σ(x_t) + b,   x_0 = ½,   E = (σ(x_50) - 0.7)²,   σ the logistic function

With z = x and h = σ(x) it is the lecture's network: z_t = W_R h_{t-1} + b, h_t = φ(z_t), with W_R = w. So E
and dE/dw come from ``bptt.RNN``, forward and backward. Many (w, b) are taken at once: each is a unit of a layer
whose W_R is diagonal, and the gradient of its own w stands in the diagonal of dW_R.

Where x_0 is an unstable fixed point, b = ½ - w σ(½), a state a little above goes up and one a little below goes
down, and the way there grows by w σ′(½) at each step. In w that is a wall: the defaults show it at w = 4.58.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats, as_whole
from bptt.cells.activations import logistic
from bptt.errors import OptionError, ShapeError
from bptt.layers import RNN

STEPS = 50
START = 0.5  # x_0
TARGET = 0.7
B = -2.35
LOW, HIGH = 4.0, 6.0  # of w
FROM, LEARNING_RATE, CLIP, COUNT = 5.0, 0.6, 0.05, 20

UNITS = 64  # of a layer: wider, and most of its products are zeros; narrower, and calls cost more
ZOOMS = 6  # each to a twentieth
SAMPLES = 401


@dataclass(frozen=True, eq=False)
class Surface:
    """E and its slope.

    Attributes:
        w: recurrent weights, of any shape.
        b: the bias of each.
        E: the error at each.
        dE_dw: its derivative by w.
    """

    w: Array
    b: Array
    E: Array
    dE_dw: Array


@dataclass(frozen=True)
class Wall:
    """Where the error is steepest.

    Attributes:
        w: there.
        E: the error.
        dE_dw: its derivative, the largest in size.
    """

    w: float
    E: float
    dE_dw: float


@dataclass(frozen=True, eq=False)
class Path:
    """Gradient descent, w ← w - lr · g.

    Attributes:
        w: (n+1,) from the first w to where the last step lands.
        E: (n+1,) the error at each.
        dE_dw: (n+1,) the gradient at each.
        taken: (n,) the gradient that each step went by: g, or what clipping left of it.
    """

    w: Array
    E: Array
    dE_dw: Array
    taken: Array

    @property
    def longest(self) -> int:
        """The step, counted from 0, that went farthest."""
        return int(np.abs(self.taken).argmax())

    def rows(self) -> list[dict[str, float]]:
        """For a table or chart: step, w, E and dE_dw."""
        columns = zip(self.w, self.E, self.dE_dw, strict=True)
        return [
            {"step": step, "w": float(w), "E": float(E), "dE_dw": float(g)}
            for step, (w, E, g) in enumerate(columns)
        ]


def surface(w: Any, b: Any = B, steps: int = STEPS) -> Surface:
    """E and dE/dw at every w and b.

    Args:
        w: weights, of any shape: a number, (N,) or a grid.
        b: biases, of a shape that goes with it.
        steps: how often the unit is run.

    Raises:
        ShapeError: if the shapes do not go together, or one is empty.
        NonFiniteError: if a number is not finite.
        OptionError: if the steps are below 1.

    >>> from bptt.lab.cliff import surface
    >>> near = surface([4.5, 4.7])
    >>> near.E.round(3), near.dE_dw.round(3)
    (array([0.281, 0.013]), array([-0.07 ,  0.098]))
    """
    steps = as_whole("steps", steps, least=1, cure="Pass 50 for the figure of the paper.")
    w, b = _together(w, b)
    E, dE_dw = (np.empty(w.size) for _ in range(2))
    for first in range(0, w.size, UNITS):
        part = slice(first, first + UNITS)
        E[part], dE_dw[part] = _run(w.flat[part], b.flat[part], steps)
    return Surface(w, b, E.reshape(w.shape), dE_dw.reshape(w.shape))


def _together(w: Any, b: Any) -> tuple[Array, Array]:
    arrays = [
        as_floats(name, value, np.shape(value)).astype(np.float64).reshape(np.shape(value))
        for name, value in (("w", w), ("b", b))
    ]
    try:
        wide = np.broadcast_arrays(*arrays)
    except ValueError:
        raise ShapeError(
            "b", f"a shape that goes with w, {arrays[0].shape}", str(arrays[1].shape),
            "Pass one b for all, or one for each w.",
        ) from None  # fmt: skip
    return wide[0], wide[1]


def _run(w: Array, b: Array, steps: int) -> tuple[Array, Array]:
    """E and dE/dw of a layer's worth of independent units."""
    N = len(w)
    layer = RNN(np.zeros((N, 1)), np.diag(w), b, "logistic")
    h0 = np.full((1, N), logistic(np.array(START)))
    trace = layer.forward(np.zeros((steps, 1, 1)), h0)
    missed = trace.h[-1] - TARGET
    dh = np.zeros((steps, 1, N))
    dh[-1] = 2 * missed
    return missed[0] ** 2, np.diag(layer.backward(trace, dh).dW_R)


def steepest(low: float = LOW, high: float = HIGH, b: float = B, steps: int = STEPS) -> Wall:
    """The wall between two weights: where |dE/dw| is largest, found by looking closer and closer.

    Args:
        low: the smallest weight that is tried.
        high: the largest.
        b: bias.
        steps: how often the unit is run.

    Raises:
        OptionError: if low is not below high.
        NonFiniteError: if a number is not finite.
    """
    if not low < high:
        raise OptionError("low", f"a weight below {high}", str(low), "Swap the two.")
    bottom, top = low, high
    for _ in range(ZOOMS):
        near = surface(np.linspace(bottom, top, SAMPLES), b, steps)
        at = int(np.abs(near.dE_dw).argmax())
        reach = (top - bottom) / 40
        bottom, top = max(low, near.w[at] - reach), min(high, near.w[at] + reach)
    return Wall(float(near.w[at]), float(near.E[at]), float(near.dE_dw[at]))


def descent(
    w: float = FROM,
    lr: float = LEARNING_RATE,
    clip: float | None = None,
    count: int = COUNT,
    b: float = B,
    steps: int = STEPS,
) -> Path:
    """Steps of gradient descent from a weight; with count=1 a single step.

    Args:
        w: where it starts.
        lr: learning rate.
        clip: the largest size of the gradient that a step goes by (Pascanu 2013); None never clips.
        count: how many steps.
        b: bias; it stays.
        steps: how often the unit is run.

    Raises:
        OptionError: if the learning rate or the clip is not a positive number, or the count below 1.
        NonFiniteError: if w or b is not finite.
    """
    for name, value in (("lr", lr), ("clip", clip)):
        if value is not None and not 0 < value < np.inf:
            raise OptionError(
                name, "a positive number", str(value), "Leave it out: the default shows the wall."
            )
    count = as_whole("count", count, least=1)
    weights, taken = [float(w)], []
    errors = [surface(weights[0], b, steps)]
    for _ in range(count):
        g = float(errors[-1].dE_dw)
        taken.append(g if clip is None else float(np.clip(g, -clip, clip)))
        weights.append(weights[-1] - lr * taken[-1])
        errors.append(surface(weights[-1], b, steps))
    E, dE_dw = (np.array([getattr(at, name) for at in errors]) for name in ("E", "dE_dw"))
    return Path(np.array(weights), E, dE_dw, np.array(taken))
