"""The parts of every parameter's gradient, gathered lag by lag in any order, and the profile made of them."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np

from bptt.arrays import Array
from bptt.errors import ResidualError
from bptt.gradients.by_lag.bill import NO_LAG, Bill
from bptt.gradients.by_lag.scaled import Scaled
from bptt.gradients.by_lag.state_profile import ParameterLags, StateProfile

LN10 = float(np.log(10.0))
ROUNDING = 1e3  # times eps of Σ_k ‖G_k‖: what a sum over many lags and sequences may be off


class StateTally:
    """Every G_k of the parameters of one recurrence.

    Args:
        whole: each parameter's gradient by an ordinary backward pass, by name; complex where the parameter is.
        counted: names of the parameters that norms and shares are told of; all of them together if None.

    >>> import numpy as np
    >>> tally = StateTally({"a": np.array([3.0, 0.0])})
    >>> tally.add(0, {"a": np.array([2.0, 0.0])})
    >>> tally.add(1, {"a": np.array([1.0, 0.0])})
    >>> profile = tally.profile(log10_signal=np.array([0.0, -1.0]), gain=np.array([-2.3]))
    >>> profile.norm, profile.share.round(3), profile.parameters["a"].horizon()
    (array([2., 1.]), array([0.667, 0.333]), 1)
    """

    def __init__(self, whole: Mapping[str, Array], counted: Sequence[str] | None = None) -> None:
        self.whole = {name: _row(value) for name, value in whole.items()}
        self.counted = tuple(self.whole if counted is None else counted)
        self.parts: list[dict[str, Scaled]] = []
        self._whole_bills: dict[
            tuple[str, ...], tuple[Bill, Array]
        ] = {}  # with the lags that are not finished
        self._finished = 0
        self._bills: dict[tuple[str, ...], Bill] = {}  # of the lags that are finished

    def add(self, k: int, G: Mapping[str, Array], e: int = 0) -> None:
        """Add to the parts of lag k.

        Args:
            k: the lag.
            G: a part of G_k by parameter, over 2^e.
            e: the exponent of all of them.
        """
        self._whole_bills.clear()
        while len(self.parts) <= k:
            self.parts.append({})
        lag = self.parts[k]
        for name, value in G.items():
            part = _row(value)
            part.e += e
            if name in lag:
                lag[name] += part
            else:
                lag[name] = part.copy()

    def finish(self) -> None:
        """No part of the next lag comes any more: it is added up, and what it takes of the memory is given back."""
        self._whole_bills.clear()
        while len(self.parts) <= self._finished:
            self.parts.append({})
        for names in {self.counted, *((name,) for name in self.whole)}:
            if names not in self._bills:
                self._bills[names] = Bill(_together([self.whole[name] for name in names]))
            self._bills[names].add(self._part(self.parts[self._finished], names))
        self.parts[self._finished] = {}
        self._finished += 1

    def remaining(self, name: str) -> Array:
        """What the lags so far leave of a parameter's gradient, as one row; of complex numbers real and imaginary parts.

        Args:
            name: of the parameter.
        """
        return self._bill([name])[0].remaining.value(np.dtype(np.float64)).reshape(-1)

    def check(self, eps: float) -> None:
        """Refuse lags that do not add up to the gradient of a parameter, where every lag was gathered.

        Args:
            eps: of the number type that the model computes in.

        Raises:
            ResidualError: naming the parameter.
        """
        for name, whole in self.whole.items():
            bill, sizes = self._bill([name])
            summed = float(np.logaddexp.reduce([*sizes, whole.log_norm(), -700.0]))
            if not bill.remaining.log_norm() <= np.log(ROUNDING * eps) + summed:
                off = float(np.exp(bill.remaining.log_norm() - summed))
                raise ResidualError(
                    name, f"lags that add up to autograd's gradient, to {ROUNDING * eps:.0e}",
                    f"a difference of {off:.1e}",
                    "A step must depend on its parameters, its input and the state alone, and what it draws must come "
                    "from torch's random numbers.",
                )  # fmt: skip

    def profile(
        self,
        *,
        log10_signal: Array,
        gain: Array,
        log10_signal_by_step: Array | None = None,
        complete: bool = True,
    ) -> StateProfile:
        """Everything that was gathered; what is known of the factors is put in by ``dataclasses.replace``.

        Args:
            log10_signal: (K,) log10 of the signal on the state, as ``Profile`` has it.
            gain: (K-1,) ln of its growth per step.
            log10_signal_by_step: (T, K) of each loss step, or None.
            complete: whether every lag was gathered; else what is missing stands in ``rest``.
        """
        bill, sizes = self._bill(self.counted)
        _, share, *kept = np.array(bill.rows or [NO_LAG]).T
        whole, left = bill.whole.log_norm(), bill.remaining.log_norm()
        rest = 0.0 if complete else float(np.exp(left - np.logaddexp.reduce(sizes)))
        return StateProfile(
            log10_norm=sizes / LN10, share=share, log10_signal=log10_signal, log10_signal_by_step=log10_signal_by_step,
            gain=gain, log10_whole=whole / LN10, residual=_off(left, whole) if complete else 0.0, rest=rest,
            kept=np.stack(kept), counted=self.counted,
            parameters={name: self._parameter(name) for name in self.whole},
        )  # fmt: skip

    def _parameter(self, name: str) -> ParameterLags:
        bill, sizes = self._bill([name])
        whole = bill.whole.log_norm()
        share = np.array([row[1] for row in bill.rows])
        return ParameterLags(
            sizes / LN10, share, whole / LN10, _off(bill.remaining.log_norm(), whole)
        )

    def _bill(self, names: Sequence[str]) -> tuple[Bill, Array]:
        """What stopping at each lag keeps of some parameters together, and (K,) ln ‖G_k‖."""
        key = tuple(names)
        if key not in self._whole_bills:
            self._whole_bills[key] = self._added_up(key)
        return self._whole_bills[key]

    def _added_up(self, names: tuple[str, ...]) -> tuple[Bill, Array]:
        bill, left = self._bills.get(names), self.parts[self._finished :]
        if bill is None:
            bill = Bill(_together([self.whole[name] for name in names]))
        elif left:
            bill = deepcopy(bill)
        for lag in left:
            bill.add(self._part(lag, names))
        return bill, np.array([row[0] for row in bill.rows])

    def _part(self, lag: Mapping[str, Scaled], names: Sequence[str]) -> Scaled:
        return _together([lag.get(name, Scaled.zeros(self.whole[name].M.shape)) for name in names])


def _row(value: Array) -> Scaled:
    """A parameter of any shape as one row of float64; of complex numbers the real and imaginary parts."""
    value = np.ascontiguousarray(value)
    real = value.view(value.real.dtype) if np.iscomplexobj(value) else value
    return Scaled(real.reshape(1, -1).astype(np.float64)).normalised()


def _together(parts: Sequence[Scaled]) -> Scaled:
    """Several rows as one, at the largest of their scales."""
    if len(parts) == 1:
        return parts[0].copy()
    e = max((part.e for part in parts if not part.is_zero()), default=0)
    rows = [np.ldexp(part.M, part.e - e) for part in parts]
    return Scaled(np.concatenate(rows, axis=1), e)


def _off(left: float, whole: float) -> float:
    """‖left‖ / ‖whole‖ from their logarithms; 0 of nothing."""
    return float(np.exp(left - whole)) if left > -np.inf else 0.0
