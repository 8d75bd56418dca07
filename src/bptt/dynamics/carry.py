r"""What a carry must pass on, and the bias of the gate that does it.

A carry that passes on f of the signal per step back leaves f^k of it over k steps. A part p of it is left where

    (1)  f = p^(1/k)                       per step
    (2)  b = ln(f / (1 - f)),   σ(b) = f   the gate's bias, with nothing added to it

so that b = ln p / k - ln(1 - p^(1/k)): 3.05 for a tenth over 50 steps, 4.17 over 150.

Chrono initialisation (Tallec & Ollivier 2018, eq. 16) draws b = ln u, u ~ U(1, T_max - 1): a unit then remembers for
about u steps. Where the lag k is known, T_max = 2k centres u on it; three units in four keep a tenth over k steps.
"""

import numpy as np

from bptt.arrays import as_number

ENOUGH = 0.1  # the part of a signal that is to be left at the needed lag


def strength_that_keeps(part: float, lag: float) -> float:
    """What a carry must pass on per step so that a part of the signal is left over a lag, equation (1).

    Args:
        part: of the signal that is to be left, above 0 and below 1.
        lag: steps back, above 0.

    Returns:
        between 0 and 1.

    Raises:
        OptionError: if the part or the lag lies outside its range.
    """
    return float(np.exp(_log_strength(part, lag)))


def bias_that_keeps(part: float, lag: float) -> float:
    """The bias of a gate that keeps a part of the signal over a lag, equation (2).

    Args:
        part: of the signal that is to be left, above 0 and below 1.
        lag: steps back, above 0.

    Returns:
        the logit of what the gate then passes on per step.

    Raises:
        OptionError: if the part or the lag lies outside its range.

    >>> from bptt.dynamics import bias_that_keeps
    >>> round(bias_that_keeps(0.1, 150), 2)
    4.17
    """
    log_strength = _log_strength(part, lag)
    return float(log_strength - np.log(-np.expm1(log_strength)))


def longest_memory(lag: float) -> int:
    """T_max of chrono initialisation for a lag that is known: twice the lag, at least 3.

    Args:
        lag: steps back, above 0.

    Returns:
        T_max; the units' memories are drawn from 1 to T_max - 1 steps.

    Raises:
        OptionError: if the lag is not above 0.
    """
    lag = as_number("lag", lag, "(0, ∞)", "Pass a number of steps, 1 or more.")
    return max(3, round(2 * lag))


def _log_strength(part: float, lag: float) -> float:
    part = as_number("part", part, "(0, 1)", "0.1 keeps a tenth.")
    lag = as_number("lag", lag, "(0, ∞)", "Pass a number of steps, 1 or more.")
    return float(np.log(part) / lag)
