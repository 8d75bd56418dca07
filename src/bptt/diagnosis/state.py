"""A recurrence that is known by its step alone, judged: no W_R or φ′ need be in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bptt.diagnosis.along import Along
from bptt.diagnosis.cause import BULK, LN10, Cause, cause_between, cause_of_none, times
from bptt.diagnosis.keep import Keep
from bptt.diagnosis.piece import Advice
from bptt.diagnosis.plain_advice import advice_on_state
from bptt.diagnosis.recurrence import RecurrenceDiagnosis
from bptt.diagnosis.verdict import judged
from bptt.dynamics import Exponents
from bptt.gradients.by_lag import StateProfile


@dataclass(frozen=True, eq=False, kw_only=True)
class StateDiagnosis(RecurrenceDiagnosis):
    """One recurrence of any kind on one batch.

    Attributes:
        profile: the gradient by lag, of every parameter of the step.
        facts: what else was measured of it, (what, number), "mean decay a": 0.93.
    """

    profile: StateProfile
    facts: Mapping[str, float] = field(default_factory=dict)


def along_state(name: str, profile: StateProfile, needed: int) -> tuple[Along, float]:
    """What became of the signal, and log10 of it at the needed lag over that at the first.

    Args:
        name: of the recurrence.
        profile: its gradient by lag.
        needed: the lag the verdict is about.
    """
    verdict, attenuation = judged(profile, needed)
    return Along(name=name, profile=profile, needed=needed, verdict=verdict), attenuation


def diagnose_state(
    name: str,
    kind: str,
    profile: StateProfile,
    needed: int,
    cause: Cause | None = None,
    advice: tuple[Advice, ...] | None = None,
    *,
    exponents: Exponents | None = None,
    facts: Mapping[str, float] | None = None,
    keep: Keep | None = None,
    path: str = "",
) -> StateDiagnosis:
    """Say what the numbers of a recurrence mean.

    Args:
        name: of it in the model, "core.cell".
        kind: its class.
        profile: its gradient by lag.
        needed: the lag the verdict is about.
        cause: why, where more is known than the signal; None to tell it from the signal.
        advice: what to change; None for what follows from the cause.
        exponents: leading Lyapunov exponents of its state.
        facts: what else was measured.
        keep: what lets a step keep more of its state, for the advice; None if nobody says.
        path: of the module in the model, "" for the model itself.
    """
    along, attenuation = along_state(name, profile, needed)
    why = cause_of_none(along) or cause or cause_of_state(along, profile)
    return StateDiagnosis(
        name=name, kind=kind, profile=profile, needed_lag=needed, verdict=along.verdict, cause=why,
        advice=advice_on_state(along, why, keep, path) if advice is None else advice, log10_attenuation=attenuation,
        horizon=profile.horizon(), rate=profile.rate, carry_strength=along.carry_strength,
        carry_share=along.carry_share, exponents=exponents, facts=dict(facts or {}),
    )  # fmt: skip


def cause_of_state(along: Along, profile: StateProfile) -> Cause:
    """Which factor takes or grows the signal, as far as the step is known."""
    if along.verdict == "vanishing" and profile.log10_signal[along.needed] == -np.inf:
        lag = along.first + int(np.argmax(profile.log10_signal[along.first :] == -np.inf))
        return Cause("step", 0.0, f"At lag {lag} the step passes nothing of the signal on.")
    whole = LN10 * float(profile.log10_growth[along.last])
    per_step = float(np.exp(whole / along.steps))
    over = f"over lags {along.first} to {along.last}"
    within = f"a step back multiplies it by {_per_step(along, whole - along.by_between):.3g}"
    between = cause_between(along, within)
    if between is not None:
        return between
    if profile.weight_gain is not None:
        by_weights = along.total(profile.weight_gain)
        rest = whole - along.by_between - by_weights
        around = (
            whole < 0 < rest
        )  # more is left than what passes the map: some of the signal goes around it
        if by_weights / whole >= BULK and not around:
            return Cause(
                "weights", by_weights / along.steps,
                f"{profile.of} multiplies what passes through it by {times(by_weights)} {over}, the rest of the step by {times(rest)}.",
            )  # fmt: skip
    way = "shrinks to" if whole < 0 else "grows to"
    return Cause(
        "step", per_step,
        f"The signal {way} {times(whole)} of its size {over}: on average, a step back multiplies it by {per_step:.3g}.",
    )  # fmt: skip


def _per_step(along: Along, ln: float) -> float:
    return float(np.exp(ln / along.steps))
