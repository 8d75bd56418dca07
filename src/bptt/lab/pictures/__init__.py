"""The page's charts, each in two halves: the chart, which stays, and its rows, which move."""

from bptt.lab.pictures.base import Picture
from bptt.lab.pictures.costs import exponents, truncation
from bptt.lab.pictures.lags import by_lag, factors, sequence
from bptt.lab.pictures.scalar import VIEW, Descents, cliff, descents, terms
from bptt.lab.pictures.weights import activation, plane

OF_NETWORK = (by_lag, factors, sequence, activation, plane, exponents, truncation)

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
    "plane",
    "sequence",
    "terms",
    "truncation",
]
