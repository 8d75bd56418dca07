"""The middle of several curves and a band around it.

quartiles    median; a quarter of the runs lies below the band, a quarter above it
range        median; the smallest and the largest
stderr       mean; one standard error of it on either side
"""

import warnings
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array

BANDS = {
    "quartiles": ("median", "quartiles, 25 % to 75 %"),
    "range": ("median", "smallest to largest"),
    "stderr": ("mean", "± 1 standard error of the mean"),
}


@dataclass(frozen=True, eq=False)
class Spread:
    """Of n runs.

    Attributes:
        middle: (K,) median or mean.
        low: (K,) lower end of the band.
        high: (K,) upper end.
        count: n.
    """

    middle: Array
    low: Array
    high: Array
    count: int


def spread(curves: Array, band: str) -> Spread:
    """The middle and the band.

    Args:
        curves: (n, K); infinite values count as smallest or largest.
        band: a name of ``BANDS``.
    """
    n = len(curves)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a lag that none has a number of
        if band == "stderr":
            middle = np.nanmean(curves, axis=0)
            counts = np.maximum(1, (~np.isnan(curves)).sum(0))
            error = np.nanstd(curves, axis=0, ddof=1) / counts**0.5 if n > 1 else np.zeros_like(middle)  # fmt: skip
            return Spread(middle, middle - error, middle + error, n)
        ends = (0.25, 0.75) if band == "quartiles" else (0.0, 1.0)
        low, middle, high = (_quantile(curves, q) for q in (ends[0], 0.5, ends[1]))
    return Spread(middle, low, high, n)


def _quantile(curves: Array, q: float) -> Array:
    """Between two infinite neighbours of one sign there is only that."""
    between = np.nanquantile(curves, q, axis=0)
    lower = np.nanquantile(curves, q, axis=0, method="lower")
    return np.asarray(np.where(np.isfinite(between), between, lower))
