"""Coherence of gradients over independent groups: unbiased, with its error, and what Adam makes of it."""

import numpy as np
import pytest

from bptt.prognoses.agreement import Settings, agreement, second_moment

M, P = 8, 40


def groups(rng, mean, noise):
    return mean + noise * rng.standard_normal((M, P))


def of(far, whole=None, **given):
    settings = Settings(**{"E": 1.0, "each": 32, "batch": 32, "lr": 1e-3} | given)
    return agreement(far, second_moment(far if whole is None else whole, settings), settings)


def test_the_size_of_what_agrees_is_estimated_without_bias():
    """The plain norm of the mean is too large by the noise: the estimate must not be."""
    rng = np.random.default_rng(0)
    mean = rng.standard_normal(P) / np.sqrt(P)  # ‖mean‖² near 1
    truth = float(mean @ mean)
    estimates, plain = [], []
    for _ in range(400):
        F = groups(rng, mean, 0.5)
        K = F @ F.T
        estimates.append((K.sum() - np.trace(K)) / (M * (M - 1)))
        assert of(F).size ** 2 == pytest.approx(max(0.0, estimates[-1]))
        plain.append(float(F.mean(0) @ F.mean(0)))
    error = np.std(estimates) / 20
    assert abs(np.mean(estimates) - truth) < 4 * error
    assert np.mean(plain) - truth > 20 * error


def test_groups_that_all_say_the_same_agree_and_noise_does_not():
    rng = np.random.default_rng(0)
    same = of(np.tile(rng.standard_normal(P), (M, 1)))
    assert same.coherence == pytest.approx(1.0)
    assert same.error == pytest.approx(0.0, abs=1e-9)
    values = np.array(
        [(a.coherence, a.error) for a in (of(groups(rng, 0.0, 1.0)) for _ in range(200))]
    )
    assert abs(values[:, 0].mean()) < 0.02
    assert (
        0.5 < values[:, 1].mean() / values[:, 0].std() < 2.0
    )  # the error that is given is the one there is


def test_coherence_is_that_of_the_batch_that_is_trained_on():
    """Groups four times the batch: the noise of a batch is twice theirs."""
    rng = np.random.default_rng(0)
    mean = np.full(P, 1.0)
    sizes = [
        np.mean([of(groups(rng, mean, 0.5), each=128, batch=b).coherence for _ in range(50)])
        for b in (32, 128)
    ]
    assert sizes[1] == pytest.approx(1 / (1 + 0.25), abs=0.02)
    assert sizes[0] == pytest.approx(1 / (1 + 1.0), abs=0.02)


def test_the_rate_is_what_adam_takes_off_the_loss():
    """Without noise Adam moves every weight by lr, and the loss falls by lr Σ |g|."""
    g = np.array([1.0, -2.0, 0.5])
    far = np.tile(g, (M, 1))
    assert of(far, E=2.0, lr=0.01).rate == pytest.approx(0.01 * 3.5 / 2.0)
    # what the near lags add to the same weights is what Adam divides by as well
    assert of(far, 2 * far, E=2.0, lr=0.01).rate == pytest.approx(0.01 * 3.5 / 4.0)


def test_the_error_of_the_rate_is_the_one_there_is():
    rng = np.random.default_rng(0)
    whole = groups(rng, 1.0, 0.1)
    rates = [of(groups(rng, 0.0, 1.0), whole) for _ in range(200)]
    errors = [one.rate_error for one in rates]
    assert 0.5 < np.mean(errors) / np.std([one.rate for one in rates]) < 2.0


def test_two_groups_have_no_error():
    two = of(np.random.default_rng(0).standard_normal((2, P)))
    assert np.isnan(two.error)
    assert np.isnan(two.rate_error)
    assert np.isfinite(two.rate)


@pytest.mark.parametrize("F", [np.zeros((M, P)), np.full((M, P), np.inf), np.ones((1, P))])
def test_nothing_to_compare(F):
    assert of(F).coherence == of(F).rate == 0.0


def test_the_scale_of_the_gradient_does_not_matter():
    rng = np.random.default_rng(0)
    F = groups(rng, 1.0, 1.0)
    small, large = of(F * 1e-160), of(F * 1e150)
    assert small.coherence == pytest.approx(large.coherence) == pytest.approx(of(F).coherence)
    assert small.size == pytest.approx(1e-160 * of(F).size)
