"""The page's charts, each in two halves: the chart, which stays, and its rows, which move."""

from dataclasses import replace

from bptt.lab.pictures.activation import activation
from bptt.lab.pictures.base import Picture
from bptt.lab.pictures.by_lag import by_lag
from bptt.lab.pictures.cliff import VIEW, Descents, cliff, descents
from bptt.lab.pictures.costs import exponents, truncation
from bptt.lab.pictures.factors import factors
from bptt.lab.pictures.learning import loss, reach
from bptt.lab.pictures.plane import plane
from bptt.lab.pictures.sequence import sequence
from bptt.lab.pictures.terms import terms

helped = replace(by_lag, key="helped")  # the same chart again, beside the controls of the gates

OF_NETWORK = (by_lag, factors, sequence, activation, plane, exponents, truncation, helped)

__all__ = [
    "OF_NETWORK",
    "VIEW",
    "Descents",
    "Picture",
    "activation",
    "by_lag",
    "cliff",
    "descents",
    "exponents",
    "factors",
    "helped",
    "loss",
    "plane",
    "reach",
    "sequence",
    "terms",
    "truncation",
]
