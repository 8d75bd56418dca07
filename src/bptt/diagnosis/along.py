"""What became of the error signal on its way back to the needed lag, and by which factors, whatever the recurrence is."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis.verdict import Verdict
from bptt.dynamics import ENOUGH, strength_that_keeps
from bptt.gradients.by_lag import Profile


@dataclass(frozen=True, eq=False, kw_only=True)
class Along:
    """One recurrence on one batch, measured along the error signal.

    Gains are ln of factors along the error signal, so they weigh each unit by the error that it carries. Means over
    all units do not: half of the units may be off while the signal goes by the others.

    Attributes:
        name: of the recurrence, "rnn.0.backward".
        profile: the gradient by lag.
        needed: the lag the verdict is about.
        verdict: on it.
    """

    name: str
    profile: Profile
    needed: int
    verdict: Verdict

    @property
    def first(self) -> int:
        """The first lag that has a signal."""
        return self.profile.first_lag

    @property
    def last(self) -> int:
        """The lag up to which causes are looked for: of an exploding signal where it is largest, else the needed one."""
        if self.verdict == "exploding":
            return int(np.argmax(self.profile.log10_growth))
        return self.needed

    @property
    def steps(self) -> int:
        """Steps back from the first lag to the last; at least 1."""
        return max(1, self.last - self.first)

    def along(self, gains: Array) -> Array:
        """The part of (K-1,) values per step back that lies between the first lag and the last."""
        return gains[self.first : self.first + self.steps]

    def total(self, gains: Array) -> float:
        """ln of what all steps between the first lag and the last do together; zeros are left out."""
        part = self.along(gains)
        return float(part[np.isfinite(part)].sum())

    @property
    def by_between(self) -> float:
        """ln of what lies between the steps does to the signal; 0 where nothing does."""
        gain = self.profile.between_gain
        return 0.0 if gain is None else self.total(gain)

    @property
    def growth(self) -> float:
        """What one step back makes of the size of the signal, geometric mean; NaN where nothing is left."""
        log10 = float(self.profile.log10_growth[self.last])
        return float(10 ** (log10 / self.steps)) if np.isfinite(log10) else float("nan")

    @property
    def carry_strength(self) -> float | None:
        """What the carry passes on of the error per step, along the error, up to the needed lag; None without one."""
        mean = self._to_needed(self.profile.carry_gain)
        return None if mean is None else float(np.exp(mean))

    @property
    def enough(self) -> float:
        """0.1^(1/K): what a step must pass on so that a tenth of the signal is left after all of them."""
        return strength_that_keeps(ENOUGH, self.steps)

    @property
    def carry_share(self) -> float | None:
        """The part of the signal that goes by the carry, mean up to the needed lag; None without one."""
        return self._to_needed(self.profile.carry_share)

    def _to_needed(self, values: Array | None) -> float | None:
        """The mean of (K-1,) values per step from the first lag to the needed one; None where there is none."""
        if values is None:
            return None
        part = values[self.first : max(self.first + 1, self.needed)]
        part = part[np.isfinite(part)]
        return float(part.mean()) if len(part) else None
