"""Eight exercises that check themselves, each from a starting point of its own."""

from bptt.lab.exercises.base import Checked, Exercise, OneUnit, Start
from bptt.lab.exercises.of_network import ACTIVATION, BIAS, GAIN, LAG, TRUNCATION
from bptt.lab.exercises.of_one_unit import CULPRIT, FACTOR, POWER

EXERCISES = (FACTOR, POWER, CULPRIT, LAG, ACTIVATION, GAIN, TRUNCATION, BIAS)

__all__ = [
    "ACTIVATION", "BIAS", "CULPRIT", "EXERCISES", "FACTOR", "GAIN", "LAG", "POWER", "TRUNCATION", "Checked", "Exercise",
    "OneUnit", "Start",
]  # fmt: skip
