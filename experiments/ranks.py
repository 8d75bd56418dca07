"""Rank correlation."""

import numpy as np


def _ranks(values):
    """Ranks, equal values sharing the mean of theirs."""
    values = np.asarray(values, float)
    return np.array([np.mean(np.flatnonzero(np.sort(values) == v)) for v in values])


def spearman(a, b):
    """Rank correlation; NaN where one of them does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])
