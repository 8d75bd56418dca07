"""What is measured of a layer before anything is said about it: causes and advice rest on this alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bptt.cells import Cell
from bptt.diagnosis.activity import Activity
from bptt.diagnosis.along import Along
from bptt.diagnosis.drive import Drive
from bptt.dynamics import Spectrum
from bptt.gradients.by_lag import LagProfile
from bptt.layers.parameters import Parameters


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence(Along):
    """One recurrent layer on one batch, measured.

    Attributes:
        layer: its parameters.
        profile: the gradient of W_R by lag.
        weights: what W_R alone says; of a gated cell the candidate's block of it.
        activity: where the units work on the data.
        drive: what adds up to the pre-activations of each gate.
        number: of the layer in its stack, from the bottom.
    """

    layer: Parameters
    profile: LagProfile
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
    def by_weights(self) -> float:
        """ln of what W_R does to the signal."""
        return self.total(self.profile.weight_gain)

    @property
    def by_slopes(self) -> float:
        """ln of what φ′, or the slopes of the gates, do to the signal."""
        return self.total(self.profile.activation_gain)

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
    def passed_on(self) -> float:
        """``carry_strength``; where no error gets onto the carry the mean of its gate; NaN without one."""
        strength, mean = self.carry_strength, self.activity.carry_gate
        return next((value for value in (strength, mean) if value is not None), float("nan"))
