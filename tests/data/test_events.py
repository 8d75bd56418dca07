"""Events in a sensor's noise: where they lie, what tells them apart, and what the noise is."""

import math

import numpy as np
import pytest

from bptt import errors
from bptt.data import tasks

# Whether each channel swings up or down, by class.
UP = [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]


def drawn(task, sequences, seed=0):
    batch = task.batch(sequences, np.random.default_rng(seed))
    return batch.x, batch.targets


@pytest.mark.parametrize(("T", "lag"), [(200, 150), (100, 60), (40, 1), (12, 4)])
def test_without_noise_there_is_the_event_alone(T, lag):
    task = tasks.events(T, lag=lag, noise=0)
    x, classes = drawn(task, 40)
    assert (task.needed_lag, task.longest_lag) == (lag, lag + 7)
    assert set(classes) == {0, 1, 2, 3}
    for b in range(40):
        steps = np.flatnonzero(x[:, b].any(1))
        assert steps.tolist() == list(range(T - 1 - task.longest_lag, T - task.needed_lag))
        for p, step in enumerate(steps):
            for channel in range(3):
                height = math.sin(math.pi * (p + 1) / 9)
                assert abs(x[step, b, channel]) == pytest.approx(height, rel=1e-6)
                assert (x[step, b, channel] > 0) == UP[classes[b]][channel]


def test_the_noise_has_the_deviation_that_is_named_and_the_drift_forgets_in_fifty_steps():
    x, _ = drawn(tasks.events(400, lag=1, noise=0.5), 2000)
    noise = x[:380].astype(float)
    # White noise and drift of 0.5² each; over k steps only the drift is left, e^{-k/50} of it.
    for k, expected in ((0, 0.5), (1, 0.25 * math.exp(-1 / 50)), (50, 0.25 * math.exp(-1))):
        measured = (noise[: 380 - k] * noise[k:]).mean()
        assert measured == pytest.approx(expected, abs=0.01)
    assert abs(noise.mean()) < 0.01


def test_nothing_but_the_event_says_which_it_was():
    task = tasks.events(60, lag=30)
    x, classes = drawn(task, 8000)
    event = slice(60 - 1 - task.longest_lag, 60 - task.needed_lag)
    for c in range(4):
        mean = x[:, classes == c].mean(1)
        error = 0.3 * math.sqrt(2) / math.sqrt((classes == c).sum())
        outside = np.delete(mean, np.r_[event], axis=0)
        assert np.abs(outside).max() < 5 * error
        assert np.abs(mean[event][3:5]).min() > 0.9


def test_whoever_reads_the_event_passes_the_mark():
    task = tasks.events(100)
    x, classes = drawn(task, 2000)
    heard = x[100 - 1 - task.longest_lag : 100 - task.needed_lag].sum(0)  # (B, 3)
    scores = heard @ np.where(UP, 1, -1).T
    assert task.reached((scores.argmax(1) == classes).mean())
    assert not task.reached(0.25)
    assert task.baseline == pytest.approx(math.log(4), rel=1e-15)


def test_at_another_length_the_event_keeps_its_place():
    task = tasks.events(100, lag=60, noise=0.1)
    longer = task.at(200)
    assert (longer.needed_lag, longer.steps) == (120, 200)
    assert drawn(longer, 50)[0][:70].std() == pytest.approx(0.1 * math.sqrt(2), rel=0.1)
    assert task.at(12).needed_lag == 4  # an event lasts eight steps


@pytest.mark.parametrize("lag", [0, 93, -1, 2.5])
def test_a_lag_that_leaves_no_room_is_refused(lag):
    with pytest.raises(errors.OptionError, match=r"lag: .*from 1 to 92"):
        tasks.events(100, lag=lag)


@pytest.mark.parametrize("noise", [-0.1, float("nan"), "much"])
def test_noise_that_is_no_deviation_is_refused(noise):
    with pytest.raises(errors.OptionError, match="noise"):
        tasks.events(100, noise=noise)
