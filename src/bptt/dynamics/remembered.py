"""What a memory function is: R² by lag, and what says how much of it is not memory."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.tables import Field, Table, Tabular

FIELDS = (
    Field("lag", int, "steps", "k, steps back from the state"),
    Field("r2", float, "1", "R² of the input of that lag, read linearly off the state, on held-out data (Jaeger 2001)"),
    Field("chance", float, "1", "the same with the inputs of another sequence: what the state cannot know"),
    Field("correlation", float, "1", "squared correlation of an input with itself so many steps later"),
    Field("rows", int, "", "states that it was fitted on"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class MemoryFunction(Tabular):
    """What the state remembers of the inputs.

    Attributes:
        r2: (K,) R² on held-out data by lag 0 .. K-1, the mean over the inputs that vary. Not clipped: at or
            a little below 0 nothing is remembered. NaN where no input varies.
        per_input: (K, I) the same of each input; NaN where it does not vary.
        rows: (K,) how many states each lag was fitted on.
        chance: (K,) the same R² with the inputs of the next sequence of the batch in the place of a state's own: what
            comes out where the state cannot know them. NaN of a single sequence, or where none is so long.
        correlation: (K,) squared correlation of an input with itself k steps later, the mean over the inputs
            that vary: 1 at lag 0, near 0 from lag 1 on where the inputs are white.
    """

    r2: Array
    per_input: Array
    rows: Array
    chance: Array
    correlation: Array

    @property
    def correlated(self) -> float:
        """The largest ``correlation`` of a lag from 1 on; 0 where there is none."""
        later = self.correlation[1:]
        return float(np.nanmax(later)) if np.isfinite(later).any() else 0.0

    @property
    def capacity(self) -> float:
        """Equation (3), in steps; lags without a number count as forgotten."""
        return float(np.fmax(self.r2, 0).sum())

    def table(self) -> Table:
        """A row per lag."""
        values = {
            "lag": list(range(len(self.r2))), "r2": self.r2, "chance": self.chance,
            "correlation": self.correlation, "rows": [int(n) for n in self.rows],
        }  # fmt: skip
        return Table(FIELDS, values, ("lag",), {"title": "the memory function"})
