"""Digits, pixel by pixel, against the images that scikit-learn ships."""

import math
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_digits

from bptt import errors
from bptt.data import tasks
from bptt.data.tasks.digits import images

IMAGES, LABELS = load_digits(return_X_y=True)
TRAIN, HELD = slice(0, 1437), slice(1437, 1797)


@pytest.mark.parametrize(("held_out", "part"), [(False, TRAIN), (True, HELD)])
def test_sequences_are_images_of_their_part(held_out, part):
    batch = tasks.digits(70).batch(3000, np.random.default_rng(0), held_out)
    known = {
        image.tobytes(): label for image, label in zip(IMAGES[part], LABELS[part], strict=True)
    }
    seen = set()
    for b in range(3000):
        image = (batch.x[:64, b, 0] * 16).astype(np.float64).tobytes()
        assert known[image] == batch.targets[b]
        seen.add(image)
    assert len(seen) > 0.8 * len(known)
    assert (batch.x[64:] == 0).all()
    assert batch.x.dtype == np.float32


def test_the_needed_lag_is_where_the_nearest_image_first_tells_nine_of_ten():
    def told(pixels):
        train, held = IMAGES[TRAIN, 64 - pixels :], IMAGES[HELD, 64 - pixels :]
        square = (held**2).sum(1)[:, None] - 2 * held @ train.T + (train**2).sum(1)
        return (LABELS[TRAIN][square.argmin(1)] == LABELS[HELD]).mean()

    task = tasks.digits()
    enough = min(pixels for pixels in range(1, 65) if told(pixels) >= task.solved)
    assert task.needed_lag == enough - 1  # the last pixel lies at lag 0
    assert tasks.digits(100).needed_lag == enough - 1 + 36


def test_the_longest_lag_is_the_first_pixel_that_is_not_always_blank():
    first = next(pixel for pixel in range(64) if IMAGES[:, pixel].any())
    assert tasks.digits().longest_lag == 63 - first


def test_the_baseline_is_the_entropy_of_the_classes():
    counts = [int((LABELS[TRAIN] == digit).sum()) for digit in range(10)]
    entropy = sum(n / 1437 * math.log(1437 / n) for n in counts)
    assert tasks.digits().baseline == pytest.approx(entropy, rel=1e-14)
    assert entropy < math.log(10)


def test_without_scikit_learn_the_cure_is_named(monkeypatch):
    images.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(errors.OptionError, match=r"pip install 'bptt\[data\]'"):
        tasks.digits()
