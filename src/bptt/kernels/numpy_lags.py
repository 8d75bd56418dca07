r"""The walk back in lag in NumPy: the step that ``numpy_loops.backward`` takes, for the errors of all loss steps at once (Q5, Q7).

``compiled_loops`` has the same, compiled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bptt.arrays import Array, squares
from bptt.cells import Cell, Derivatives
from bptt.kernels.numpy_loops import affine, outer_in_double


class LagTotals(NamedTuple):
    """What ``LagNorms`` add up to over all rows, and some of their ends; NaN where a square is no number."""

    at_weights: float
    leaving: float  # of ``at_weights``, the rows that take the step back
    through: float
    carry: float
    carrier: float
    arriving: float
    least_at_weights: float
    least_arriving: float
    most_arriving: float

    @classmethod
    def of(cls, at_weights: Array, rest: Sequence[Array], cut: int) -> "LagTotals":
        """Of the squares of every row, the first ``cut`` of which do not take the step back."""
        parts = (at_weights, at_weights[cut:], *rest)
        sums = [float(part.sum(dtype=np.float64)) for part in parts]
        least = [float(part.min(initial=np.inf)) for part in (at_weights, rest[-1])]
        return cls._make((*sums, *least, float(rest[-1].max(initial=0))))


class LagNorms(NamedTuple):
    """Squared norms of one lag, per (step, sequence); all but the first of the rows that take the step back."""

    at_weights: Array  # ‖dz‖²
    through: Array  # ‖dz W_R‖²
    carry: Array  # ‖carry‖²; of no meaning for an RNN
    carrier: Array  # ‖what the carry multiplies‖²: ``Cell.carried``
    arriving: Array  # ‖dz W_R + carry‖²
    totals: LagTotals

    @classmethod
    def of(cls, cut: int, at_weights: Array, *rest: Array) -> "LagNorms":
        """With the totals of squares in this order, of rows the first ``cut`` of which do not take the step back."""
        through, carry, carrier, arriving = rest
        totals = LagTotals.of(at_weights, rest, cut)
        return cls(at_weights, through, carry, carrier, arriving, totals)


class LagBlock(NamedTuple):
    """What several lags measured; lag j of a block of L, the rows those of its first lag."""

    squares: Array  # (L, 5, N, B) as in ``LagNorms``, each lag's rows where they stood at the first
    totals: list[LagTotals]
    G: Array  # (L, G·H, H) float64, Σ dz ⊗ h_prev of each lag
    largest: list[float]  # |entry| of each; NaN where one is no number


class LagStep:
    """One step back in lag, of the errors of all loss steps at once; or several.

    Args:
        cell: the cell.
        W_R: (G·H, H) recurrent weights.
    """

    def __init__(self, cell: Cell, W_R: Array) -> None:
        self.cell, self.W_R = cell, W_R

    def __call__(
        self, D: Array, derivatives: Derivatives, cut: int, dz: Array, arriving: Array
    ) -> LagNorms:
        """Take it.

        Args:
            D: (N, B, S) errors of the states at N neighbouring steps.
            derivatives: of these steps.
            cut: how many of the steps, the first, have no step before them.
            dz: (N, B, G·H) takes the errors at what W_R multiplies.
            arriving: (N - cut, B, S) takes dz W_R + carry.
        """
        H = self.W_R.shape[1]
        carry = self.cell.vjp(D, derivatives, dz)[1]
        through_weights = self.cell.through
        if through_weights is None:
            P = affine(dz[cut:], self.W_R)
        else:
            P = through_weights(dz, derivatives, self.W_R, 0)[cut:]
        through = squares(P)
        if carry is None:
            arriving[...] = P
            return LagNorms.of(cut, squares(dz), through, through, through, through)
        carry = carry[cut:]
        carrier = self.cell.carried(D[cut:], tuple(array[cut:] for array in derivatives))
        carried = squares(carry)
        carry[..., :H] += P
        arriving[...] = carry
        return LagNorms.of(cut, squares(dz), through, carried, squares(carrier), squares(arriving))

    def several(
        self, D: Array, derivatives: Derivatives, h_prev: Array, first: int, arriving: Array, L: int
    ) -> LagBlock:
        """Take L steps, and add up G of each: row i is at step first + i - j at lag j, and ends at step 0.

        Args:
            D: (N, B, S) errors of the states at N neighbouring steps.
            derivatives: of the steps 0 .. first + N - 1 at least.
            h_prev: the states before them.
            first: where the first row stands.
            arriving: takes the errors behind the last lag, of the rows that have not ended.
            L: how many lags, at most first + N.
        """
        N, B, _ = D.shape
        found = LagBlock(np.zeros((L, 5, N, B)), [], np.empty((L, *self.W_R.shape)), [])
        for j in range(L):
            ended, after = max(0, j - first), max(0, j + 1 - first)
            here = slice(first + ended - j, first + N - j)
            dz = np.empty((N - ended, B, len(self.W_R)), D.dtype)
            back = np.empty((N - after, *D.shape[1:]), D.dtype)
            own = tuple(array[here] for array in derivatives)
            norms = self(D, own, after - ended, dz, back)
            found.squares[j, 0, ended:] = norms.at_weights
            found.squares[j, 1:, after:] = norms[1:5]
            found.G[j], largest = outer_in_double(dz, h_prev[here])
            found.totals.append(norms.totals)
            found.largest.append(largest)
            D = back
        arriving[...] = D
        return found
