"""More sets of real sequences that come inside sktime, for the development set; read as the library reads its two."""

import numpy as np

from bptt.data import Series
from bptt.data.series import Batch
from bptt.extras import needing

SETS = ("italy_power_demand", "gunpoint", "basic_motions")


def packaged(name: str) -> Series:
    """A set of sequences of one length, standardised by its training part."""
    with needing("data", "data"):
        from sktime import datasets
    load = getattr(datasets, f"load_{name}")
    parts = []
    for split in ("train", "test"):
        x, labels = load(split=split, return_X_y=True, return_type="numpy3D")
        parts.append((x.transpose(2, 0, 1), labels))
    names = np.unique(parts[0][1])
    (seen, _), _ = parts
    mean, deviation = seen.mean((0, 1)), seen.std((0, 1))
    train, held_out = (
        Batch(
            ((x - mean) / deviation).astype(np.float32), np.searchsorted(names, labels),
            np.full(x.shape[1], len(x)),
        )
        for x, labels in parts
    )  # fmt: skip
    return Series(name, train, held_out, len(names), "cross_entropy", "last")
