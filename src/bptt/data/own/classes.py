"""Texts and truths as classes, in order."""

import numpy as np

from bptt.arrays import Array


def numbered(targets: Array) -> tuple[Array, tuple[str, ...] | None]:
    """Targets as numbers.

    Args:
        targets: numbers, texts or booleans, of any shape.

    Returns:
        floating-point numbers, or the whole numbers of classes; and the names of the classes 0, 1, ..., sorted,
        where texts or booleans stood for them.

    >>> import numpy as np
    >>> numbered(np.array(["walk", "fall", "walk"]))
    (array([1, 0, 1]), ('fall', 'walk'))
    """
    kind = targets.dtype.kind
    if kind == "f":
        return targets.astype(np.float64), None
    if kind in "iu":
        return targets, None
    names, places = np.unique(targets, return_inverse=True)
    said = [n.decode("latin-1") if isinstance(n, bytes) else str(n) for n in names.tolist()]
    return places.reshape(targets.shape), tuple(said)
