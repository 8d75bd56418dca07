"""What a walk by lag will cost, before it is made: floating-point operations and bytes, from shapes alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.layers.parameters import Parameters

ELEMENTWISE = 60  # operations per entry of dz that are worth as much as its part of a product
PER_LAG = 100  # the same per entry of a G_k: forming, adding and comparing it


@dataclass(frozen=True)
class Work:
    """The costs of some layers on top of one another.

    Attributes:
        per_row: operations to carry one signal of one sequence a step back.
        per_lag: operations per lag, however many signals there are.
        training: operations of a training step per step and sequence.
        bytes_walked: per step and sequence, while it is walked by lag.
        bytes_run: the same, while it is only run forward and back.
    """

    per_row: float
    per_lag: float
    training: float
    bytes_walked: float
    bytes_run: float

    @classmethod
    def of(cls, layers: Sequence[Parameters], inputs: int) -> "Work":
        """The costs of these layers.

        Args:
            layers: bottom first.
            inputs: of the bottom level; those of other levels are handed down.
        """
        per_row = per_lag = training = walked = run = 0.0
        for number, layer in enumerate(layers):
            rows, S = len(layer.W_R), layer.state_size
            handed_down = 0 if number == 0 else layer.W_F.size
            per_row += 4 * layer.W_R.size + 2 * handed_down + ELEMENTWISE * rows
            per_lag += PER_LAG * layer.W_R.size
            training += 6 * (layer.W_R.size + layer.W_F.size)
            walked += layer.dtype.itemsize * (4 * rows + 8 * S + inputs)
            run += layer.dtype.itemsize * (3 * rows + 5 * S + inputs)
        return cls(per_row, per_lag, training, walked, run)

    def walk(self, steps: Array, sequences: int, max_lag: int | None) -> float:
        """Operations of a walk from these loss steps.

        Args:
            steps: (J,) at which the loss is taken.
            sequences: that it is taken of.
            max_lag: the largest lag; None goes back as far as there is a past.
        """
        most = int(steps.max()) if max_lag is None else min(max_lag, int(steps.max()))
        rows = int(np.minimum(steps, most).sum()) + len(steps)
        return rows * sequences * self.per_row + (most + 1) * self.per_lag
