"""The numbers of each chart as a table, thinned to what a person reads."""

from collections.abc import Callable, Iterable

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import RecurrenceDiagnosis
from bptt.dynamics import Exponents
from bptt.gradients.by_lag import Profile, StateProfile
from bptt.gradients.by_step import StepProfile
from bptt.presentation.figure import Table
from bptt.presentation.formatting import power_of_ten, r_squared, signed, two_decimals
from bptt.report.charts.by_lag import Stages
from bptt.report.charts.factors import gains_of
from bptt.report.charts.memory import Memories
from bptt.report.charts.parameters import largest, relative
from bptt.report.charts.shares import drawn

ROWS, COLUMNS = 14, 8


def some(last: int, most: int = ROWS, extra: Iterable[int] = ()) -> list[int]:
    """0, 1, 2, then ever farther apart, to the last; those named on top."""
    if last < most:
        return list(range(last + 1))
    spread = np.geomspace(1, last, most - 1).round().astype(int)
    return sorted({0, *(int(k) for k in spread), *(k for k in extra if 0 <= k <= last)})


def by_lag(stages: Stages) -> Table:
    """log10 ‖G_k‖ as numbers."""
    now = stages[-1][1]
    curves = [(stage, layer.profile.log10_norm) for stage, layer in stages]
    rows = some(_last(curves), extra=(now.horizon or 0, now.needed_lag))
    return _table(
        "lag k", rows, [(f"‖G_k‖ {stage}", values) for stage, values in curves], power_of_ten
    )


def remembered(memories: Memories, needed: int) -> Table:
    """R² by lag."""
    curves = [(f"R² {stage}", memory.r2) for stage, memory in memories if memory is not None]
    now = memories[-1][1]
    if now is not None and np.isfinite(now.chance).any():
        curves.append(("R² by chance", now.chance))
    return _table("lag k", some(_last(curves), extra=(needed,)), curves, r_squared)


def shares(stages: Stages) -> Table:
    """Signed shares in per cent, up to the lag that is drawn last."""
    curves = [(f"share {stage}", layer.profile.share) for stage, layer in stages]
    return _table("lag k", some(drawn(stages)), curves, lambda v: f"{100 * v:.2f} %")


def gains(layer: RecurrenceDiagnosis) -> Table:
    """The two gains and the whole."""
    curves = list(gains_of(layer.profile).items())
    return _table("from lag k", some(_last(curves), extra=(layer.needed_lag,)), curves, signed)


def parameters(profile: StateProfile) -> Table:
    """‖G_k‖ / ‖dθ‖ of each parameter that has a curve."""
    curves = [(name, relative(lags)) for name, lags in largest(profile).items()]
    return _table("lag k", some(_last(curves)), curves, power_of_ten)


def carry(profile: Profile) -> Table:
    """Strength and share of the carry."""
    if profile.carry_gain is None or profile.carry_share is None:
        return Table((), ())
    curves = [("strength", np.exp(profile.carry_gain)), ("share", profile.carry_share)]
    return _table("from lag k", some(_last(curves)), curves, two_decimals)


def loss_steps(profile: Profile) -> Table:
    """A row per loss step, a column per lag: some of each."""
    signal = profile.log10_signal_by_step
    if signal is None:
        return Table((), ())
    present = np.flatnonzero(np.isfinite(signal).any(1))
    chosen = present[np.unique(np.linspace(0, len(present) - 1, ROWS).round().astype(int))]
    lags = some(signal.shape[1] - 1, COLUMNS)
    return Table(
        ("loss step t", *(f"lag {k}" for k in lags)),
        tuple((str(t), *(_power_or_nothing(signal[t, k]) for k in lags)) for t in chosen),
    )


def errors(by_step: StepProfile) -> Table:
    """Both gradients, by step."""
    T = len(by_step.immediate)
    rows = sorted({int(t) for t in np.linspace(0, T - 1, ROWS).round()})
    with np.errstate(divide="ignore"):
        curves = [
            (name, np.log10(values))
            for name, values in (("immediate", by_step.immediate), ("total", by_step.total))
        ]
    return _table("step s", rows, curves, power_of_ten)


def truncation(profile: Profile, truncated_at: int | None) -> Table:
    """Bias in per cent, by K."""
    longest = len(profile.lags)
    extra = () if truncated_at is None else (truncated_at - 1,)
    rows = []
    for K in (k + 1 for k in some(longest - 1, extra=extra)):
        biases = (profile.truncation(K, chunked).relative_bias for chunked in (False, True))
        rows.append((str(K), *(f"{100 * bias:.2f} %" for bias in biases)))
    return Table(("K", "sliding window", "chunks"), tuple(rows))


def exponents(measured: Exponents | None) -> Table:
    """Value and standard error."""
    if measured is None:
        return Table((), ())
    pairs = zip(measured.exponents, measured.stderr, strict=True)
    return Table(
        ("exponent", "λ, ln per step", "±"),
        tuple((str(i), f"{value:+.3f}", f"{error:.3f}") for i, (value, error) in enumerate(pairs, 1)),
    )  # fmt: skip


def _table(
    head: str, rows: list[int], curves: list[tuple[str, Array]], written: Callable[[float], str]
) -> Table:
    return Table(
        (head, *(name for name, _ in curves)),
        tuple(
            (str(k), *(written(float(values[k])) if k < len(values) else "" for _, values in curves))
            for k in rows
        ),
    )  # fmt: skip


def _last(curves: list[tuple[str, Array]]) -> int:
    return max(len(values) for _, values in curves) - 1


def _power_or_nothing(log10: float) -> str:
    return power_of_ten(log10) if np.isfinite(log10) else ""
