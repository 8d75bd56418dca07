r"""Singular values of the Jacobian products, ∂s_t/∂s_{t-k}, lag by lag: is the map of errors an isometry?

The mean of the squared singular values is the growth of a random error; their spread says how differently directions
fare. All equal to 1 is dynamical isometry (Saxe, McClelland & Ganguli 2014; Chen, Pennington & Schoenholz 2018).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, as_kind, as_whole
from bptt.dynamics.jacobians import check_step, jacobian, last_step, products
from bptt.errors import OptionError
from bptt.layers import Trace
from bptt.tables import Field, Table, Tabular

FIELDS = (
    Field("lag", int, "steps", "k, steps between the two states"),
    Field("sequence", int, "", "number of the sequence in the batch, from 0"),
    Field("direction", int, "", "number of the singular value, from 1, the largest"),
    Field("log10", float, "log10", "singular value of ∂s_t/∂s_{t-k} (Q11)"),
)


@dataclass(frozen=True, eq=False)
class SingularValues(Tabular):
    """Of the products of k Jacobians, for some k.

    Attributes:
        lags: (n,) the k.
        log10: (n, B, S) log10, the largest first. Those 1e-15 below the largest are lost in rounding.
        step: the step t that all of them end at.
    """

    lags: Array
    log10: Array
    step: int

    @property
    def mean_square(self) -> Array:
        """(n,) log10 of the mean of the squares, over directions and sequences: the growth of a random error."""
        top = self.log10.max((1, 2), keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            mean = np.log10((10.0 ** (2 * (self.log10 - top))).mean((1, 2)))
        return np.asarray(mean + 2 * top[:, 0, 0])

    @property
    def spread(self) -> Array:
        """(n,) variance of the squares over their squared mean, mean over the sequences: 0 is an isometry, but for a factor."""
        top = self.log10.max(2, keepdims=True)
        squares = 10.0 ** (2 * (self.log10 - np.where(np.isfinite(top), top, 0.0)))
        return np.asarray((squares.var(2) / np.square(squares.mean(2))).mean(1))

    def table(self) -> Table:
        """A row per lag, sequence and direction."""
        B, S = self.log10.shape[1:]
        lag, sequence, direction = np.meshgrid(self.lags, range(B), range(1, S + 1), indexing="ij")
        values = {
            "lag": lag.ravel().tolist(), "sequence": sequence.ravel().tolist(),
            "direction": direction.ravel().tolist(), "log10": self.log10.ravel(),
        }  # fmt: skip
        about = {"title": f"singular values of the Jacobian products that end at step {self.step}"}
        return Table(FIELDS, values, ("lag", "sequence", "direction"), about)


def singular_values(
    trace: Trace, lags: Iterable[int] | None = None, t: int | None = None
) -> SingularValues:
    """Singular values of ∂s_t/∂s_{t-k} for several k, in one walk back.

    Args:
        trace: from a layer's ``forward``.
        lags: the k; None takes 1, 2, 4, ... as far as there are steps.
        t: the step that all of them end at, from 0; None is the last one.

    Raises:
        OptionError: if there are not so many steps.

    >>> import numpy as np, bptt
    >>> rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> layer = bptt.RNN(np.eye(2), 0.5 * rotation, np.zeros(2), "identity")
    >>> values = bptt.dynamics.singular_values(layer.forward(np.zeros((9, 1, 2))))
    >>> values.lags.tolist(), (values.log10[:, 0] / np.log10(0.5)).round(6).tolist()
    ([1, 2, 4, 8], [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [8.0, 8.0]])
    >>> bool(np.allclose(values.spread, 0))
    True
    """
    step, _ = check_step(trace, last_step(trace) if t is None else t, 1)
    if lags is None:
        wanted = [2**i for i in range((step + 1).bit_length())]
    else:
        as_kind("lags", lags, Iterable, "whole numbers from 1", "For example lags=[1, 10, 100].")
        cure = "Pass steps back from step t, for example lags=[1, 10]."
        wanted = sorted({as_whole("lags", k, 1, step + 1, cure) for k in lags})
        if not wanted:
            raise OptionError("lags", "at least one number of steps", "none", cure)
    found = [
        product.log10_singular_values()
        for k, product in products(trace, step, wanted[-1])
        if k in wanted
    ]
    return SingularValues(np.array(wanted), np.array(found), step)


def isometry(trace: Trace, t: int | None = None) -> float:
    """Variance of the squared singular values of ∂s_t/∂s_{t-1} over their squared mean, mean over the sequences; 0 is an isometry.

    Without singular values: S tr((J Jᵀ)²) / tr(J Jᵀ)² - 1.

    Args:
        trace: from a layer's ``forward``.
        t: the step, from 0; None is the last one.

    Returns:
        NaN where all entries of J are zero.

    Raises:
        OptionError: if there is no such step.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN(np.eye(2), np.diag([1.0, 0.5]), np.zeros(2), "identity")
    >>> round(isometry(layer.forward(np.zeros((9, 1, 2)))), 12)  # of 1 and 1/4
    0.36
    """
    J = jacobian(trace, last_step(trace) if t is None else t).astype(np.float64)
    top = np.abs(J).max((1, 2), keepdims=True)
    some = top[:, 0, 0] > 0
    if not some.any():
        return float("nan")
    J = J[some] / top[some]
    squares = J @ J.swapaxes(1, 2)
    mean = np.trace(squares, axis1=1, axis2=2)
    return float((J.shape[1] * np.square(squares).sum((1, 2)) / np.square(mean) - 1).mean())
