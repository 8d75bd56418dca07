"""What is measured at one lag of one layer."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.scaled import Scaled, Sizes

NOTHING = -np.inf


@dataclass(frozen=True, eq=False)
class Lag:
    """What is measured at one lag. Norms are ln, over all rows; -inf for none.

    Attributes:
        G: this lag's part of dW_R; None where it is negligible.
        steps: those that the signals stand at.
        reach: (N, B) where one does.
        signal: the reported signal: dz of an RNN, d of a gated cell.
        count: how many (step, sequence) pairs the signal reached.
        state: ‖d‖.
        at_weights: ‖dz‖.
        by_sequence: (B,) ‖G‖ of each sequence by itself; None where nobody asks.
        state_leaving: ‖d‖ of the rows that take the step back.
        at_weights_leaving: ‖dz‖ of them.
        through_weights: ‖P‖.
        carry: ‖carry‖.
        carrier: ‖what the carry multiplies‖: dc of an LSTM, d of a GRU.
        arriving: ‖P + carry‖.
    """

    G: Scaled | None
    steps: slice
    reach: Array
    signal: Sizes
    count: int
    state: float
    at_weights: float
    by_sequence: Array | None = None
    state_leaving: float = NOTHING
    at_weights_leaving: float = NOTHING
    through_weights: float = NOTHING
    carry: float = NOTHING
    carrier: float = NOTHING
    arriving: float = NOTHING
