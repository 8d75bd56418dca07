r"""Do the numbers agree? The gradient four ways, per parameter.

    reverse      backpropagation through time, the fast path                  (Q2)
    forward      the lecture's recursion, carried forward in time             (Q3)
    reference    textbook loops over the loss step t and the step s <= t
    complex step Im E(θ + iε) / ε through an analytic forward pass            (Squire & Trapp 1998)

and the gradient by lag, which must add up to the first. Disagreement is the largest difference of an
entry over the largest entry of the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import reference
from bptt.arrays import Array
from bptt.cells.activations import Activation
from bptt.errors import OptionError
from bptt.lags import by_lag
from bptt.network import Network, Run
from bptt.rtrl import sensitivities

TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-4}
# Central differences of a user's own φ that takes no complex numbers: rounding² ~ 1e-11.
DIFFERENCE_TOLERANCE = 1e-6
PARAMETERS = ("W_F", "W_R", "b", "h0", "W_O", "b_O")


@dataclass(frozen=True)
class Agreement:
    """How far the other ways are from reverse mode, for one parameter.

    Attributes:
        parameter: its name.
        shape: its shape.
        size: the largest entry of its gradient.
        forward: disagreement of the recursion; None for the readout, which has no recursion.
        reference: of the textbook loops.
        numerical: of the complex step (or central differences).
        entries: how many entries the numerical way tried.
    """

    parameter: str
    shape: tuple[int, ...]
    size: float
    forward: float | None
    reference: float
    numerical: float
    entries: int


@dataclass(frozen=True)
class Verification:
    """The gradient of one network on one batch, four ways.

    Attributes:
        rows: one per parameter.
        by_lag: disagreement of G_k with the textbook loops, the worst lag.
        residual: ‖Σ_k G_k - dW_R‖ / ‖dW_R‖.
        method: "complex step" or "central difference".
        tolerance: what counts as agreement.
        numerical_tolerance: the same for the numerical way.
    """

    rows: tuple[Agreement, ...]
    by_lag: float
    residual: float
    method: str
    tolerance: float
    numerical_tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether every number is within its tolerance."""
        exact = [self.by_lag, self.residual]
        exact += [r.reference for r in self.rows]
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
        network: any plain RNN.
        x: (T, B, I) inputs; the cost of the loops grows with T² B.
        targets: as for ``network.run``.
        h0: (B, H) initial state; zeros if not given.
        entries: how many entries of each parameter the complex step tries: all if it has no more,
            else that many at random.
        rng: which ones.
        progress: called with the name of each stage before it starts.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if the data do not fit.
    """
    if entries < 1:
        raise OptionError("entries", "a number from 1", str(entries), "200 is the default.")
    say = progress or (lambda stage: None)
    say("reverse mode")
    run = network.run(x, targets, h0)
    grads = network.backward(run)
    profile = by_lag(run.trace, run.dh, keep_matrices=True)
    say("forward mode")
    forward = sensitivities(run.trace, run.dh)
    say("textbook loops")
    phi, dphi = _textbook(network.layer.phi)
    p = {n: v.astype(np.float64) for n, v in network.parameters().items()}
    p["h0"] = run.trace.h[0].astype(np.float64)
    x64, dh64 = run.trace.x.astype(np.float64), run.dh.astype(np.float64)
    G = reference.by_lag(x64, p["h0"], dh64, p["W_F"], p["W_R"], p["b"], phi, dphi)
    loops = {name: terms.sum(0) for name, terms in G.items()} | _readout_loops(run)
    targets = np.asarray(targets)
    if targets.ndim == (1 if network.loss == "cross_entropy" else 2):
        targets = targets[None]
    analytic = _takes_complex(phi)
    generator = np.random.default_rng(rng)

    def error(name: str) -> Callable[[Array], Any]:
        return lambda moved: reference.loss(
            p | {name: moved}, x64, targets, run.steps, phi, network.loss
        )

    rows = []
    for name in PARAMETERS:
        say(f"{'complex step' if analytic else 'central difference'}: {name}")
        g = grads[name]
        size = float(np.abs(g).max())
        chosen = generator.permutation(g.size)[:entries]
        step = reference.complex_step if analytic else _central_difference
        where = [tuple(int(i) for i in np.unravel_index(c, g.shape)) for c in chosen]
        numerical = np.array([step(error(name), p[name], index) for index in where])
        exact = np.array([g[index] for index in where])
        rows.append(
            Agreement(
                parameter=name,
                shape=g.shape,
                size=size,
                forward=_disagreement(forward[name], g, size) if name in forward else None,
                reference=_disagreement(loops[name], g, size),
                numerical=_disagreement(numerical, exact, size),
                entries=len(where),
            )
        )
    assert profile.matrices is not None
    K = len(profile.matrices)  # no loss step reaches further back than that
    worst = _disagreement(profile.matrices, G["W_R"][:K], float(np.abs(G["W_R"]).max()))
    tolerance = TOLERANCE[network.layer.dtype]
    return Verification(
        rows=tuple(rows),
        by_lag=worst,
        residual=profile.residual,
        method="complex step" if analytic else "central difference",
        tolerance=tolerance,
        numerical_tolerance=tolerance if analytic else max(tolerance, DIFFERENCE_TOLERANCE),
    )


def _disagreement(a: Array, b: Array, size: float) -> float:
    difference = float(np.abs(a - b).max())
    return difference / size if size > 0 else difference


def _textbook(phi: Activation) -> tuple[reference.Phi, reference.Phi]:
    """The reference's own φ and φ′; a user's pair is the only one there is."""
    if phi.name in reference.PHI:
        return reference.PHI[phi.name]
    return phi.value, lambda z: phi.derivative(z, phi.value(z))


def _takes_complex(phi: reference.Phi) -> bool:
    """Whether φ is analytic in its code: a tiny imaginary part comes through as the slope."""
    z = np.array([0.3, -0.7])
    try:
        slope = np.imag(phi(z + 1e-30j)) / 1e-30
    except (TypeError, ValueError):
        return False
    return bool(np.allclose(slope, (phi(z + 1e-6) - phi(z - 1e-6)) / 2e-6, rtol=1e-6))


def _central_difference(f: Callable[[Array], Any], at: Array, index: tuple[int, ...]) -> float:
    step = 1e-5
    above, below = at.copy(), at.copy()
    above[index] += step
    below[index] -= step
    return float((f(above) - f(below)) / (2 * step))


def _readout_loops(run: Run) -> dict[str, Array]:
    """dW_O and db_O, one step and sequence at a time."""
    _, B, O = run.do.shape
    dW_O, db_O = np.zeros((O, run.trace.h.shape[-1])), np.zeros(O)
    for i, t in enumerate(run.steps):
        for n in range(B):
            dW_O += np.outer(run.do[i, n], run.trace.h[t + 1, n])
            db_O += run.do[i, n]
    return {"W_O": dW_O, "b_O": db_O}
