r"""One step back of many error signals, by the loops of ``kernels`` or, where their numbers would end, row by row.

The loops carry dz, dz W_R and the carry at the one exponent that a row of d has. That holds while slopes, gates and
weights are of ordinary size, since rows are brought back within 2^±REACH at every step. Where they are not, as with
tanh′(400) = 4 e^-800, each of the three has an exponent of its own here, and so have the slopes of an RNN:

    dz 2^(e + e_slope)        P 2^(e_z + e_W) = dz W_R        arriving: P + carry, at the larger exponent of each row
"""

from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array, squares
from bptt.cells import Cell, Derivatives, Weights
from bptt.cells.scales import brought_to_one, times_slopes, underflown
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import REACH, Sizes
from bptt.kernels import LagTotals


@dataclass(frozen=True, eq=False)
class AtScale:
    """Rows with exponents, D 2^e.

    Attributes:
        D: (N, B, ·).
        e: (N, B) exponents.
        squares: (N, B) of D as stored, or None where they are not known.
        common: the exponent that all of e are, or None.
        total: what the squares add up to, if somebody knows it.
    """

    D: Array
    e: Array
    squares: Array | None = None
    common: int | None = None
    total: float | None = None

    @property
    def sizes(self) -> Sizes:
        """The norm of every row."""
        known = squares(self.D) if self.squares is None else self.squares
        return Sizes(known, self.e, self.common, self.total)


@dataclass(frozen=True, eq=False)
class SteppedBack:
    """What a step back makes of errors d, and what was measured on the way; N rows, of which N - cut take the step.

    Attributes:
        dz: (N, B, G·H) errors at what W_R multiplies.
        at_inputs: (N, B, G·H) errors at what W_F multiplies; dz where nobody asked for them.
        arriving: (N - cut, B, S) errors one step before.
        through: ‖dz W_R‖; this and what follows of the rows that take the step.
        carry: ‖carry‖; of no meaning for an RNN, as the next.
        carrier: ‖what the carry multiplies‖.
        totals: what the loops say of all rows together, where they took the step.
    """

    dz: AtScale
    at_inputs: AtScale
    arriving: AtScale
    through: Sizes
    carry: Sizes
    carrier: Sizes
    totals: LagTotals | None = None


def least_square(dtype: np.dtype[np.floating], of_squares: np.dtype[np.floating]) -> float:
    """Of a row of dz, below which numbers of the type may have lost digits."""
    limits = np.finfo(dtype)
    return max(float(np.finfo(of_squares).tiny), float(limits.tiny / limits.eps) ** 2)


def squares_lost(cell: Cell, rows: Rows, derivatives: Derivatives, step: SteppedBack) -> bool:
    """Whether dz of some row has lost digits, or all of itself: the units that held nearly all of the row are off.

    Args:
        cell: of the layer.
        rows: that took the step by the loops.
        derivatives: of their steps.
        step: what the loops made of them.
    """
    s, totals = step.dz.squares, step.totals
    assert s is not None
    assert totals is not None
    least = least_square(rows.D.dtype, s.dtype)
    if totals.least_at_weights >= least:
        return False
    lost = (s < least) & (rows.squares > 0)
    if not lost.any():
        return False
    # Where an error meets a slope that is not zero, neither is their product.
    d, *slopes = ((array[lost] != 0).astype(array.dtype) for array in (rows.D, *derivatives))
    return bool(cell.vjp(d, tuple(slopes))[0].any())


def of_ordinary_size(weights: Weights, derivatives: Derivatives, e_weights: int) -> bool:
    """Whether the loops of ``kernels`` hold every number of a step back.

    Args:
        weights: of the layer.
        derivatives: of all steps.
        e_weights: the exponent of W_R.
    """
    if e_weights and weights.cell.carry_gate is not None:
        return False
    if underflown(weights, derivatives):
        return False
    bound = 2.0 ** (1.5 * REACH[derivatives[0].dtype])
    for array in derivatives:
        size = np.abs(array, out=kernels.empty(array.shape, array.dtype))
        if not size.max() <= bound or size[size < 1 / bound].any():  # zeros are of ordinary size
            return False
    return True


def step_back(
    weights: Weights,
    D: Array,
    e: Array,
    derivatives: Derivatives,
    e_slopes: Array | None,
    W_R: Array,
    e_weights: int,
    cut: int = 0,
) -> SteppedBack:
    """The step with an exponent for every row of everything.

    Args:
        weights: of the layer.
        D: (N, B, S) errors of the state.
        e: (N, B) their exponents.
        derivatives: of these steps.
        e_slopes: (N, B, H) exponents of an RNN's slopes; None where they are 0.
        W_R: (G·H, H) over 2^e_weights.
        e_weights: the exponent of W_R.
        cut: how many of the rows, the first, have no step before them.
    """
    cell, H = weights.cell, W_R.shape[1]
    D, e = brought_to_one(D, e)
    carry, e_raw = None, e
    if e_slopes is not None:
        raw, e_raw = times_slopes(D, e, derivatives[0], e_slopes)
    else:
        # Denormal slopes have few digits, and lose no more where what they multiply is large.
        most = max(int(np.frexp(np.abs(array).max())[1]) for array in derivatives)
        lift = int(1.5 * REACH[D.dtype]) - max(0, most)
        D, e_raw = np.ldexp(D, lift), e - lift
        e = e_raw
        raw, carry = cell.vjp(D, derivatives)
    if cell.through is not None:
        P, e_P = cell.through(raw, derivatives, W_R, e_weights), e_raw + e_weights
    dz, e_z = brought_to_one(raw, e_raw)
    if cell.through is None:
        P, e_P = dz @ W_R, e_z + e_weights
    at_inputs = AtScale(*brought_to_one(cell.errors_at_input(D, raw, derivatives), e_raw))
    P, e_P = brought_to_one(P[cut:], e_P[cut:])
    through, e_arriving = Sizes(squares(P), e_P, None), e_P.copy()
    carried = carrier = through
    arriving = P
    if carry is not None:
        along = cell.carried(D[cut:], tuple(array[cut:] for array in derivatives))
        carry, e_carry = brought_to_one(carry[cut:], e[cut:])
        carried = Sizes(squares(carry), e_carry, None)
        along, e_along = brought_to_one(along, e[cut:])
        carrier = Sizes(squares(along), e_along, None)
        e_arriving = np.where(
            through.squares > 0,
            np.where(carried.squares > 0, np.maximum(e_P, e_carry), e_P),
            e_carry,
        )
        arriving = np.ldexp(carry, (e_carry - e_arriving)[..., None])
        arriving[..., :H] += np.ldexp(P, (e_P - e_arriving)[..., None])
    return SteppedBack(
        AtScale(dz, e_z), at_inputs, AtScale(arriving, e_arriving), through, carried, carrier
    )
