r"""Lyapunov spectrum by QR (Benettin 1980; Vogt 2022; Engelken 2023), over the full state (Q11).

A set of rows is carried back through the Jacobians and made orthonormal again after every step; the mean
ln of what each row's length changes by is an exponent. Errors are carried back with the transposes of what
carries perturbations forward, and a product and its transpose have the same singular values, so these are
the exponents of the dynamics, finite-time where the sequence is finite. In a stack without feedback from
above the exponents of the whole are those of its layers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats, as_whole, check_shape
from bptt.cells.scales import LOG2
from bptt.dynamics.jacobians import RowsBack
from bptt.errors import OptionError
from bptt.layers import Trace
from bptt.layers.immediate import check_trace
from bptt.tables import Field, Table, Tabular

BLOCKS = 20  # of time, whose scatter gives the standard error
EXPONENT_FIELDS = (
    Field("exponent", int, "", "number of the exponent, from 1, the largest"),
    Field("lyapunov", float, "ln per step", "Lyapunov exponent over the full state (Q11)"),
    Field("stderr", float, "ln per step", "its standard error, over blocks of time and sequences"),
)


@dataclass(frozen=True, eq=False)
class Exponents(Tabular):
    """A Lyapunov spectrum.

    Attributes:
        exponents: (n,) ln per step, largest first.
        stderr: (n,) standard error, from the scatter over blocks of time and sequences.
        steps: how many steps they are the mean of.
    """

    exponents: Array
    stderr: Array
    steps: int

    def table(self) -> Table:
        """A row per exponent, the largest first."""
        values = {
            "exponent": list(range(1, len(self.exponents) + 1)),
            "lyapunov": np.asarray(self.exponents, np.float64),
            "stderr": np.asarray(self.stderr, np.float64),
        }
        return Table(EXPONENT_FIELDS, values, ("exponent",), {"title": "Lyapunov spectrum"})


def lyapunov(trace: Trace, count: int | None = None, skip: int | None = None) -> Exponents:
    """The leading exponents of a layer driven by its inputs.

    An exponent is -inf where slopes are exactly zero in all of its direction: units of a ReLU that are off, gates that have
    rounded to 0 or 1, a reset. Slopes of tanh, the logistic and softsign never are, however small; but an entry of a
    direction counts as zero where the type cannot hold it beside the largest. Beside the first exponent, one whose
    direction shrinks in a single step by 1e-15 (1e-7 in float32) of what the first does is lost in rounding.

    Args:
        trace: from a layer's ``forward``; long, a hundred steps and more.
        count: how many exponents; None gives all, S of them (2H of an LSTM).
        skip: steps for the rows to turn into their directions, not counted; None is a tenth, at most
            200.

    Raises:
        OptionError: if count or skip are out of range.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN(np.eye(2), np.diag([0.5, 0.25]), np.zeros(2), "identity")
    >>> spectrum = bptt.lyapunov(layer.forward(np.zeros((200, 1, 2))))
    >>> bool(np.allclose(spectrum.exponents, np.log([0.5, 0.25])))
    True
    """
    check_trace(trace, Trace)
    if trace.lengths is not None:
        raise OptionError(
            "trace", "sequences of one length", f"{trace.lengths.min()} to {trace.lengths.max()}",
            "Run them cut to the shortest, or one by one.",
        )  # fmt: skip
    T, B, _ = trace.x.shape
    S = trace.layer.state_size
    n = S if count is None else as_whole("count", count, least=1, most=S, cure="None gives all.")
    skip = min(200, T // 10) if skip is None else as_whole("skip", skip, least=0, most=T - 1)
    start = np.random.default_rng(0).standard_normal((B, n, S)).astype(trace.layer.dtype)
    V = _orthonormal(start)[0]
    logs, rows_back = np.empty((T, B, n)), RowsBack(trace, n)
    for number, t in enumerate(reversed(range(T))):
        V, e = rows_back(V, t)  # a factor of one row changes nothing but its own length
        V, logs[number] = _orthonormal(V)
        logs[number] += e * LOG2
    return exponents_of(logs[skip:])


def _one_by_one(jacobians: Any) -> Iterator[Any]:
    try:
        return iter(jacobians)
    except TypeError:
        raise OptionError(
            "jacobians", "(S, S) arrays, one per step", repr(jacobians), "Pass a list of them, the last step's first.",
        ) from None  # fmt: skip


def lyapunov_of(jacobians: Iterable[Array], count: int | None = None, skip: int = 0) -> Exponents:
    """The same from Jacobians of your own, the last step's first.

    Args:
        jacobians: (S, S) arrays, ∂s_t/∂s_{t-1} for t = T .. 1.
        count: how many exponents; None gives all.
        skip: steps that are not counted.

    Raises:
        OptionError: if there are fewer steps than ``skip``, or count or skip is out of range.
    """
    skip = as_whole("skip", skip, least=0)
    V, logs = None, []
    for number, given in enumerate(_one_by_one(jacobians)):
        J = as_floats(f"jacobians[{number}]", given, ("S", "S") if V is None else V.shape[2:] * 2)
        if V is None:
            check_shape(f"jacobians[{number}]", J, (len(J), len(J)))
            n = len(J) if count is None else as_whole("count", count, least=1, most=len(J))
            V = np.eye(len(J))[None, :n]
        V, log = _orthonormal(V @ J)
        logs.append(log)
    if len(logs) <= skip:
        raise OptionError(
            "jacobians",
            f"more than {skip} steps",
            str(len(logs)),
            "Pass more Jacobians, or skip fewer.",
        )
    return exponents_of(np.array(logs[skip:]))


def _orthonormal(V: Array) -> tuple[Array, Array]:
    """Rows made orthonormal, and ln of the lengths they had; -inf for a direction that is lost.

    The first is divided by its length: reflections, which turn all of them, would make small entries of it zero, and
    those may be all that is left a step later.
    """
    Q, R = np.linalg.qr(np.swapaxes(V, 1, 2))
    Q, lengths = np.swapaxes(Q, 1, 2), np.abs(np.diagonal(R, axis1=1, axis2=2)).copy()
    largest = np.abs(V[:, 0]).max(-1)
    some, lengths[:, 0] = largest > 0, largest
    brought = V[some, 0] / largest[some, None]  # whose squares stay within the type
    length = np.linalg.norm(brought, axis=-1)
    lengths[some, 0] *= length
    Q[some, 0] = brought / length[:, None]
    with np.errstate(divide="ignore"):
        return Q, np.log(lengths)


def exponents_of(logs: Array) -> Exponents:
    """Exponents from the logs of every step.

    Args:
        logs: (steps, B, n) ln of what each direction grew by.
    """
    steps, B, n = logs.shape
    blocks = np.array_split(logs, min(BLOCKS, steps))
    means = np.array([block.mean(0) for block in blocks]).reshape(-1, n)
    with np.errstate(invalid="ignore"):
        stderr = means.std(0, ddof=1) / len(means) ** 0.5 if len(means) > 1 else np.full(n, np.nan)
    exponents = logs.mean((0, 1))
    order = np.argsort(-exponents, kind="stable")
    return Exponents(exponents[order], stderr[order], steps * B)
