"""Will it learn? A copy of a model trained a tenth of the way, and measured on data it has not seen."""

from bptt.prognoses.agreement import Agreement
from bptt.prognoses.foretell import BUDGET, FEWEST, prognosis_of
from bptt.prognoses.held_out import enough_to_hold_out
from bptt.prognoses.learner import Joined, Learner, Pass, Tangents, near_lag
from bptt.prognoses.look_ahead import Looked, broke_off, look_ahead, updates_ahead
from bptt.prognoses.measured import Measured, measure
from bptt.prognoses.network_learner import NetworkLearner
from bptt.prognoses.one_batch import measure_batch
from bptt.prognoses.prognosis import LEARNT, Prognosis

__all__ = [
    "BUDGET",
    "FEWEST",
    "LEARNT",
    "Agreement",
    "Joined",
    "Learner",
    "Looked",
    "Measured",
    "NetworkLearner",
    "Pass",
    "Prognosis",
    "Tangents",
    "broke_off",
    "enough_to_hold_out",
    "look_ahead",
    "measure",
    "measure_batch",
    "near_lag",
    "prognosis_of",
    "updates_ahead",
]
