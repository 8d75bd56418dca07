r"""Handwritten digits, read a pixel at a time, then named.

    step      0 .. 63                            64 .. T-1
    input     the pixels, row by row, 0 to 1     0

The 1,797 images of 8 × 8 pixels that come with scikit-learn (Alpaydin & Kaynak 1998), pixel by pixel as
Le, Jaitly & Hinton 2015 read larger ones. The blank steps behind the image make the task as long as is
wanted. The last fifth of the images is held out; images are drawn with replacement.

How many of the last pixels an answer needs is not exact, as it is where a rule makes the sequences. It is
measured: by the nearest of the training images, 38 is the smallest number of last pixels that tells
90 % of the held-out digits.
"""

from functools import cache

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length
from bptt.extras import needing

PIXELS, HELD_OUT = 64, 360
NEEDED_PIXELS = 38  # the last ones
FIRST_PIXEL = 1  # pixel 0 is blank in every image


def digits(length: int = PIXELS) -> Task:
    """Name a digit after reading its 64 pixels and T - 64 blanks; solved at 90 % right.

    Args:
        length: T, from 64.

    Raises:
        OptionError: if the length is no whole number from 64, or scikit-learn is missing.
    """
    T = as_length("digits", length, PIXELS)
    pixels, labels = images()
    cut = len(labels) - HELD_OUT

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        first, end = (cut, len(labels)) if held_out else (0, cut)
        chosen = rng.integers(first, end, sequences)
        x = np.zeros((T, sequences, 1), np.float32)
        x[:PIXELS, :, 0] = pixels[:, chosen]
        return x, labels[chosen]

    p = np.bincount(labels[:cut]) / cut
    return Task(
        name="digits", length=T, steps=T, inputs=1, outputs=10, loss="cross_entropy",
        loss_at="last", needed_lag=T - 1 - (PIXELS - NEEDED_PIXELS), longest_lag=T - 1 - FIRST_PIXEL,
        baseline=float(-(p * np.log(p)).sum()), solved=0.9,
        source="Alpaydin & Kaynak 1998; Le, Jaitly & Hinton 2015", draw=draw, at=digits, sequences=cut,
    )  # fmt: skip


@cache
def images() -> tuple[Array, Array]:
    """(64, 1797) pixels from 0 to 1 and (1797,) digits.

    Raises:
        OptionError: if scikit-learn is missing.
    """
    with needing("data", "task"):
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    return np.ascontiguousarray(pixels.T / 16, np.float32), labels.astype(np.int64)
