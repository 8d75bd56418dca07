"""What mean-field theory says of the networks of a sweep: the critical gain, the rate, how far a step is from an isometry.

It describes one layer of one cell, weights gaussian or orthogonal, that reads noise: a plain one with any built-in
activation and no bias, an LSTM or a GRU with a bias at the gate that carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bptt.dynamics import (
    critical_gain,
    gated_critical_gain,
    gated_isometry,
    gated_mean_field,
    mean_field,
)
from bptt.dynamics.mean_field import slope_moments
from bptt.errors import OptionError
from bptt.sweeps.point.columns import Rows

INITS = ("gaussian", "orthogonal")
GATED = ("gru", "lstm")


@dataclass(frozen=True)
class Theory:
    """Of one kind of networks.

    Attributes:
        cell: rnn, gru or lstm.
        activation: of an rnn.
        init: gaussian or orthogonal.
    """

    cell: str
    activation: str
    init: str

    def critical_gain(self, input_variance: float, bias: float) -> float | None:
        """The gain at which λ₁ is 0; None where theory finds none."""
        return _critical(self.cell, self.activation, input_variance, bias)

    def rate(self, gain: float, input_variance: float, bias: float) -> float | None:
        """λ₁, and how the error signal decays, ln per step."""
        try:
            if self.cell in GATED:
                return gated_mean_field(self.cell, gain, input_variance, bias).rate
            return mean_field(gain, input_variance, self.activation).rate
        except OptionError:
            return None

    def isometry(self, gain: float, input_variance: float, bias: float) -> float | None:
        """Variance of the squared singular values of a step over their squared mean (Pennington et al. 2017)."""
        if self.cell in GATED:
            try:
                return gated_isometry(self.cell, gain, input_variance, bias, self.init)
            except OptionError:
                return None
        if gain == 0:
            return None
        second, fourth = slope_moments(gain, input_variance, self.activation)
        spread = fourth / second**2 if second > 0 else np.nan
        return spread if self.init == "gaussian" else spread - 1


def described(rows: Rows) -> Theory | None:
    """The theory of these networks; None where there is none, or they are of several kinds."""
    if not len(rows):
        return None
    same: dict[str, Any] = {
        name: rows.distinct(name) for name in ("cell", "activation", "init", "layers", "data")
    }
    gated = all(cell in GATED for cell in same["cell"])
    several = [name for name in ("cell", "init") if len(same[name]) > 1]
    if several or same["layers"] != (1,) or same["data"] != ("noise",):
        return None
    cell, init, variances = same["cell"][0], same["init"][0], rows.distinct("input_variance")
    if init not in INITS or variances[0] is None or variances[0] < 0:
        return None
    if not gated and (cell != "rnn" or len(same["activation"]) > 1 or rows.distinct("bias") != (0,)):  # fmt: skip
        return None
    return Theory(cell, "tanh" if gated else same["activation"][0], init)


def beyond(rows: Rows, names: Sequence[str]) -> bool:
    """Whether more than these fields varies, of all that theory asks for."""
    return any(
        len(rows.distinct(name)) > 1 for name in ("input_variance", "bias") if name not in names
    )


@lru_cache(4096)
def _critical(cell: str, activation: str, input_variance: float, bias: float) -> float | None:
    try:
        if cell in GATED:
            return gated_critical_gain(cell, input_variance, bias)
        return critical_gain(input_variance, activation)
    except OptionError:
        return None
