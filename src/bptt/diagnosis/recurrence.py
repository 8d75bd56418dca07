"""One recurrence on one batch: its verdict, the cause, the advice, and what is measured of any."""

from dataclasses import dataclass

from bptt.diagnosis.cause import Cause
from bptt.diagnosis.piece import Advice
from bptt.diagnosis.verdict import Verdict
from bptt.dynamics import Exponents
from bptt.gradients.by_lag import Profile
from bptt.gradients.by_step import StepProfile


@dataclass(frozen=True, eq=False, kw_only=True)
class RecurrenceDiagnosis:
    """One recurrence on one batch.

    Attributes:
        name: its name in the network, "rnn.0".
        kind: of the cell or the module, "rnn", "MambaMixer".
        profile: the gradient by lag.
        needed_lag: the lag the verdict is about.
        verdict: "vanishing", "exploding" or "steady".
        cause: why.
        advice: what to change, the likeliest first.
        log10_attenuation: log10 of signal at the needed lag over signal at the first lag.
        horizon: lags 0..horizon hold 95 % of Σ‖G_k‖; None where the gradient is exactly zero.
        rate: mean growth of the signal per step back, ln.
        carry_strength: how strongly the carry passes on the error, along the error, geometric mean over the lags up to
            the needed one; None without a carry, and where no step back is taken.
        carry_share: the part of the signal that goes that way, mean over these lags; None likewise.
        exponents: leading Lyapunov exponents over the batch's steps, its last 2,000, or None where it is too short.
        by_step: the gradient by the step at which the weight acts, and the error of the state at each step; None where
            it was not measured.
    """

    name: str
    kind: str
    profile: Profile
    needed_lag: int
    verdict: Verdict
    cause: Cause
    advice: tuple[Advice, ...]
    log10_attenuation: float
    horizon: int | None
    rate: float
    carry_strength: float | None = None
    carry_share: float | None = None
    exponents: Exponents | None = None
    by_step: StepProfile | None = None

    @property
    def sampling_errors(self) -> tuple[float, float]:
        """Standard errors by sequence of the horizon and of ``log10_attenuation``; NaN where no sequences were drawn."""
        apart = self.profile.apart
        if apart is None:
            return float("nan"), float("nan")
        first = self.profile.first_lag
        return apart.horizon_error(), apart.growth_error(self.needed_lag, first)
