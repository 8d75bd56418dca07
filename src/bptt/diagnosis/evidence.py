"""What is measured of a layer before anything is said about it: causes and advice rest on this alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.cells import Cell
from bptt.diagnosis.activity import Activity
from bptt.diagnosis.drive import Drive
from bptt.diagnosis.verdict import Verdict
from bptt.dynamics import ENOUGH, Spectrum, strength_that_keeps
from bptt.gradients.by_lag import LagProfile
from bptt.layers.parameters import Parameters


@dataclass(frozen=True, eq=False)
class Evidence:
    """One recurrent layer on one batch, measured.

    Gains are ln of factors along the error signal, so they weigh each unit by the error that it carries. Means over
    all units, in ``activity``, do not: half of the units may be off while the signal goes by the others.

    Attributes:
        name: of the layer, "rnn.0.backward".
        layer: its parameters.
        profile: the gradient by lag.
        needed: the lag the verdict is about.
        verdict: on the layer.
        weights: what W_R alone says; of a gated cell the candidate's block of it.
        activity: where the units work on the data.
        drive: what adds up to the pre-activations of each gate.
        number: of the layer in its stack, from the bottom.
    """

    name: str
    layer: Parameters
    profile: LagProfile
    needed: int
    verdict: Verdict
    weights: Spectrum
    activity: Activity
    drive: Mapping[str, Drive]
    number: int = 0

    @property
    def cell(self) -> Cell:
        """What the layer is made of."""
        return self.layer.cell

    @property
    def gated(self) -> bool:
        """Whether the cell has gates."""
        return len(self.cell.gates) > 1

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
    def by_weights(self) -> float:
        """ln of what W_R does to the signal."""
        return self.total(self.profile.weight_gain)

    @property
    def by_slopes(self) -> float:
        """ln of what φ′, or the slopes of the gates, do to the signal."""
        return self.total(self.profile.activation_gain)

    @property
    def by_between(self) -> float:
        """ln of what lies between the steps does to the signal; 0 where nothing does."""
        gain = self.profile.between_gain
        return 0.0 if gain is None else self.total(gain)

    @property
    def most_by_itself(self) -> float:
        """ln of what the layer's own steps can make of a signal at most; layers above may hand down more at every lag.

        Where a carry goes beside W_R the two ways are added per step: they may pull the same way.
        """
        way = self.along(self.profile.weight_gain) + self.along(self.profile.activation_gain)
        if self.profile.carry_gain is not None:
            way = np.logaddexp(way, self.along(self.profile.carry_gain))
        if self.profile.between_gain is not None:
            way = way + self.along(self.profile.between_gain)
        return float(way[np.isfinite(way)].sum())

    @property
    def slope(self) -> float:
        """What φ′, or the slopes of the gates, pass on per step along the signal, geometric mean."""
        return float(np.exp(self.by_slopes / self.steps))

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
    def passed_on(self) -> float:
        """``carry_strength``; where no error gets onto the carry the mean of its gate; NaN without one."""
        strength, mean = self.carry_strength, self.activity.carry_gate
        return next((value for value in (strength, mean) if value is not None), float("nan"))

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
