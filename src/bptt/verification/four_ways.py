r"""Do the numbers agree? The gradient four ways, per parameter.

    reverse      backpropagation through time, the fast path                  (Q2)
    forward      the lecture's recursion, carried forward in time             (Q3; one layer)
    reference    textbook loops over the loss step t and the step s <= t
    complex step Im E(θ + iε) / ε through an analytic forward pass            (Squire & Trapp 1998)

and the gradient by lag, which must add up to the first. Disagreement is the largest difference of an
entry over the largest entry of the gradient.

The loops and the complex step run the forward pass once more. A network that multiplies a rounding error
by a thousand does so here too: the disagreement of the outputs is measured, and where it is above rounding
the tolerance grows by as much.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import reference
from bptt.arrays import Array, as_whole
from bptt.cells.initialise import random_generator
from bptt.gradients.by_lag import by_lag
from bptt.gradients.forward_mode import sensitivities
from bptt.layers import Trace
from bptt.network import Network
from bptt.verification.textbook import Textbook

TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-4}
# Central differences of a user's own φ that takes no complex numbers: rounding² ~ 1e-11.
DIFFERENCE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Agreement:
    """How far the other ways are from reverse mode, for one parameter.

    Attributes:
        parameter: its name.
        shape: its shape.
        size: the largest entry of its gradient.
        forward: disagreement of the recursion; None where it does not apply: the readout, and more than
            one layer.
        reference: of the textbook loops; None for a user's own φ that takes no complex numbers in more
            than one layer.
        numerical: of the complex step (or central differences).
        entries: how many entries the numerical way tried.
    """

    parameter: str
    shape: tuple[int, ...]
    size: float
    forward: float | None
    reference: float | None
    numerical: float
    entries: int


@dataclass(frozen=True)
class Verification:
    """The gradient of one network on one batch, four ways.

    Attributes:
        rows: one per parameter.
        by_lag: disagreement of G_k with the textbook loops, the worst lag of the worst layer.
        residual: ‖Σ_k G_k - dW_R‖ / ‖dW_R‖, the worst layer.
        outputs: disagreement of the outputs of the two forward passes.
        method: "complex step" or "central difference".
        tolerance: what counts as agreement.
        numerical_tolerance: the same for the numerical way.
    """

    rows: tuple[Agreement, ...]
    by_lag: float
    residual: float
    outputs: float
    method: str
    tolerance: float
    numerical_tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether every number is within its tolerance."""
        exact = [self.by_lag, self.residual]
        exact += [r.reference for r in self.rows if r.reference is not None]
        exact += [r.forward for r in self.rows if r.forward is not None]
        close = all(r.numerical <= self.numerical_tolerance for r in self.rows)
        return close and all(number <= self.tolerance for number in exact)


def verify(
    network: Network,
    x: Any,
    targets: Any,
    h0: Any = None,
    *,
    entries: int = 200,
    rng: np.random.Generator | int | None = 0,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Compare the four ways on a network and data.

    Args:
        network: any network.
        x: (T, B, I) inputs; the cost of the loops grows with T² B.
        targets: as for ``network.run``.
        h0: initial state, as for ``network.run``; zeros if not given.
        entries: how many entries of each parameter the complex step tries: all if it has no more,
            else that many at random.
        rng: which ones.
        progress: called with the name of each stage before it starts.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if the data do not fit.
    """
    entries = as_whole("entries", entries, least=1)
    generator = random_generator(rng)
    say = progress or (lambda stage: None)
    say("reverse mode")
    run = network.run(x, targets, h0)
    grads = network.backward(run)
    # c0 is like h0, and a run's own is zero
    names = [name for name in grads if not name.endswith("c0")]
    profiles = by_lag(run.stack_trace, run.dh, keep_matrices=True)
    forward: dict[str, Array] = {}
    if isinstance(run.trace, Trace):
        say("forward mode")
        forward = sensitivities(run.trace, run.dh)
    say("textbook loops")
    textbook = Textbook(network, run, targets)
    loops, G = textbook.by_lag()
    analytic = textbook.analytic
    method = "complex step" if analytic else "central difference"
    step = reference.complex_step if analytic else _central_difference
    rows = []
    for name in names:
        say(f"{method}: {name}")
        g = grads[name]
        size = float(np.abs(g).max())
        chosen = generator.permutation(g.size)[:entries]
        where = [tuple(int(i) for i in np.unravel_index(c, g.shape)) for c in chosen]
        f, at = textbook.error(name), textbook.values[name]
        numerical = np.array([step(f, at, index) for index in where])
        exact = np.array([g[index] for index in where])
        rows.append(
            Agreement(
                parameter=name,
                shape=g.shape,
                size=size,
                forward=_disagreement(forward[name], g, size) if name in forward else None,
                reference=_disagreement(loops[name], g, size) if name in loops else None,
                numerical=_disagreement(numerical, exact, size),
                entries=len(where),
            )
        )
    worst = 0.0
    for profile, exact in zip(profiles, G, strict=True):
        assert profile.matrices is not None
        K = len(profile.matrices)  # no loss step reaches further back than that
        size = float(np.abs(exact).max())
        worst = max(worst, _disagreement(profile.matrices, exact[:K], size))
    eps = float(np.finfo(network.stack.dtype).eps)
    outputs = _disagreement(textbook.outputs(), run.o, float(np.abs(run.o).max()))
    tolerance = TOLERANCE[network.stack.dtype] * max(1.0, outputs / (10 * eps))
    return Verification(
        rows=tuple(rows),
        by_lag=worst,
        residual=max(profile.residual for profile in profiles),
        outputs=outputs,
        method=method,
        tolerance=tolerance,
        numerical_tolerance=tolerance if analytic else max(tolerance, DIFFERENCE_TOLERANCE),
    )


def _disagreement(a: Array, b: Array, size: float) -> float:
    difference = float(np.abs(a - b).max())
    return difference / size if size > 0 else difference


def _central_difference(f: Callable[[Array], Any], at: Array, index: tuple[int, ...]) -> float:
    step = 1e-5
    above, below = at.copy(), at.copy()
    above[index] += step
    below[index] -= step
    return float((f(above) - f(below)) / (2 * step))
