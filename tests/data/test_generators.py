"""Every task against its definition, one sequence at a time, and against what a guess can score."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import errors
from bptt.data import tasks

LEAST = {
    "adding": 2, "copy": 1, "order2": 10, "order3": 10, "permutation": 2, "memorisation": 1, "xor": 4,
    "digits": 64, "events": 12,
}  # fmt: skip
# Made by a rule: neither of images nor in noise (test_events.py).
RULES = [name for name in tasks.NAMES if name not in ("digits", "events")]
EVERY = [*RULES, "events", pytest.param("digits", marks=pytest.mark.needs("sklearn"))]


def drawn(task, sequences=50, seed=0, held_out=False):
    batch = task.batch(sequences, np.random.default_rng(seed), held_out)
    return batch.x, batch.targets


def symbols(x):
    """The symbols of a one-hot sequence (T, S), after checking that it is one."""
    assert set(np.unique(x)) == {0, 1}
    assert (x.sum(1) == 1).all()
    return [int(s) for s in x.argmax(1)]


def marks(x):
    """The marked steps of a sequence (T, 2)."""
    assert set(x[:, 1]) <= {0, 1}
    return [t for t in range(len(x)) if x[t, 1] == 1]


# What each task asks, from its sequence (T, I): the answers, and the steps they lie at.


def asked_adding(x, T):
    first, second = marks(x)
    assert first < T // 2 <= second
    assert ((x[:, 0] >= 0) & (x[:, 0] < 1)).all()
    return [x[first, 0] + x[second, 0]], [T - 1 - first]


def asked_copy(x, T):
    s = symbols(x)
    assert len(s) == T + 20
    assert all(0 <= v < 8 for v in s[:10])
    assert s[10:] == [8] * (T - 1) + [9] + [8] * 10
    return [8] * (T + 10) + s[:10], [T + 10 + i - i for i in range(10)]


def asked_memorisation(x, T):
    s = symbols(x)
    assert len(s) == T + 10
    assert set(s[:5]) <= {0, 1}
    assert s[5:] == [2] * T + [3] + [2] * 4
    return s[:5], [T + 5]


def asked_order(x, T, starts):
    s = symbols(x)
    places = [t for t in range(T) if s[t] < 2]
    assert len(places) == len(starts)
    for t, start in zip(places, starts, strict=True):
        assert start <= t < start + T // 10
    return [int("".join(str(s[t]) for t in places), 2)], [T - 1 - places[0]]


def asked_order2(x, T):
    return asked_order(x, T, [T // 10, T * 5 // 10])


def asked_order3(x, T):
    return asked_order(x, T, [T // 10, T * 3 // 10, T * 6 // 10])


def asked_permutation(x, T):
    s = symbols(x)
    assert len(s) == T
    assert s[0] in (0, 1)
    assert all(2 <= v < 100 for v in s[1:])
    return s[:1], [T - 1]


def asked_xor(x, T):
    first, second = marks(x)
    tenth = max(1, T // 10)
    assert first < tenth <= second < T // 2
    assert set(x[:, 0]) <= {-1, 1}
    return [int(x[first, 0] != x[second, 0])], [T - 1 - first]


ASKED = {name: globals()[f"asked_{name}"] for name in RULES}


@pytest.mark.parametrize("name", RULES)
@given(extra=st.integers(0, 150), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_target_is_what_the_sequence_says(name, extra, seed):
    T = LEAST[name] + extra
    task = tasks.load(name, T)
    x, targets = drawn(task, 5, seed)
    assert x.shape == (task.steps, 5, task.inputs)
    assert x.dtype == np.float32
    assert targets.dtype == (np.float32 if task.loss == "mse" else np.int64)
    per_sequence = targets.reshape(-1, 5)
    for b in range(5):
        answers, lags = ASKED[name](x[:, b], T)
        assert list(per_sequence[:, b]) == answers
        assert all(task.needed_lag <= lag <= task.longest_lag for lag in lags)


@pytest.mark.parametrize("name", RULES)
def test_the_lags_are_the_smallest_and_the_largest_there_are(name):
    task = tasks.load(name, 40)
    x, _ = drawn(task, 3000)
    lags = [lag for b in range(3000) for lag in ASKED[name](x[:, b], 40)[1]]
    assert (min(lags), max(lags)) == (task.needed_lag, task.longest_lag)


@pytest.mark.parametrize("name", RULES)
def test_a_single_step_at_the_needed_lag_changes_the_answer(name):
    """Whoever sees less far back sees the same twice, and is asked for different things."""
    T = 40
    task = tasks.load(name, T)
    x, _ = drawn(task, 3000)
    for b in range(3000):
        before, lags = ASKED[name](x[:, b], T)
        if lags[0] == task.needed_lag:
            break
    asked = {"copy": T + 10, "memorisation": T + 5}.get(name, task.steps - 1)
    step = asked - task.needed_lag
    other = x[:, b].copy()
    if name == "adding":
        other[step, 0] /= 2
    elif name == "xor":
        other[step, 0] *= -1
    else:
        values = {"copy": 8}.get(name, 2)
        other[step, :values] = np.roll(other[step, :values], 1)
    after, _ = ASKED[name](other, T)  # it is a sequence of the task as well
    assert (other != x[:, b]).any(1).nonzero()[0].tolist() == [step]
    assert after != before


@pytest.mark.parametrize("name", [n for n in RULES if n != "adding"])
def test_the_baseline_is_what_the_best_guess_is_left_with(name):
    n = 20000
    task = tasks.load(name, 12)
    _, targets = drawn(task, n)
    entropy = []
    for row in targets.reshape(-1, n):
        p = np.bincount(row) / n
        entropy.append(-sum(q * math.log(q) for q in p if q))
    # Counted frequencies fit the draws a little better than the true ones, by χ²/(2n).
    assert 0 <= task.baseline - np.mean(entropy) < 40 / (2 * n)


def test_the_baseline_of_adding_is_the_variance_of_the_sum():
    n = 20000
    task = tasks.adding(12)
    _, targets = drawn(task, n)
    squares = (targets - 1.0) ** 2  # always saying 1
    assert abs(squares.mean() - task.baseline) < 3 * squares.std() / math.sqrt(n)
    assert abs(targets.mean() - 1) < 3 * targets.std() / math.sqrt(n)  # no other guess is better
    assert task.solved == pytest.approx(task.baseline / 10, rel=1e-15)


@pytest.mark.parametrize("T", [1, 10, 100, 1000])
def test_copy_counts_as_solved_from_99_of_100_recalled_symbols(T):
    task = tasks.copy(T)
    assert task.baseline == pytest.approx(10 * math.log(8) / (T + 20), rel=1e-15)
    asked = 1000 * (T + 20)
    for wrong, solved in ((0, True), (99, True), (101, False), (10000, False)):
        assert task.reached((asked - wrong) / asked) is solved


@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_draws_the_same_and_another_does_not(name):
    task = tasks.load(name)
    (x, targets), (again, same), (other, _) = (drawn(task, seed=s) for s in (3, 3, 4))
    assert (x == again).all()
    assert (targets == same).all()
    assert (x != other).any()


@pytest.mark.parametrize("name", EVERY)
def test_at_another_length(name):
    task = tasks.load(name, 2 * LEAST[name])
    longer = task.at(2 * task.length)
    assert (longer.name, longer.length) == (name, 4 * LEAST[name])
    assert drawn(longer)[0].shape == (longer.steps, 50, longer.inputs)
    assert longer.steps - task.steps == longer.length - task.length
    assert longer.needed_lag > task.needed_lag
    assert longer.at(task.length).needed_lag == task.needed_lag


def test_memorisation_of_ten_symbols_out_of_five():
    task = tasks.memorisation(7, symbols=10, values=5)
    x, targets = drawn(task)
    assert (task.steps, task.inputs, task.outputs) == (27, 7, 5)
    assert (x[:10].argmax(-1) == targets).all()
    assert set(targets.ravel()) == set(range(5))
    assert task.baseline == pytest.approx(math.log(5), rel=1e-15)
    longer = task.at(9)
    assert (longer.steps, longer.inputs) == (29, 7)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("length", [0, -3, 1.5, True, "10"])
def test_a_length_that_makes_no_sense_is_refused(name, length):
    with pytest.raises(errors.OptionError, match=f"from {LEAST[name]}, .* for the task {name}"):
        tasks.load(name, length)


@pytest.mark.parametrize("name", EVERY)
def test_the_smallest_length_is_the_one_that_is_named(name):
    assert tasks.load(name, LEAST[name]).length == LEAST[name]
    with pytest.raises(errors.OptionError, match="length"):
        tasks.load(name, LEAST[name] - 1)


@pytest.mark.parametrize("name", ["addition", "", None, ["adding"]])
def test_an_unknown_task_is_refused(name):
    with pytest.raises(errors.OptionError, match="one of adding, copy"):
        tasks.load(name)


def test_bad_numbers_of_symbols_and_sequences_are_refused():
    with pytest.raises(errors.OptionError, match="symbols"):
        tasks.memorisation(5, symbols=0)
    with pytest.raises(errors.OptionError, match="values"):
        tasks.memorisation(5, values=1)
    with pytest.raises(errors.OptionError, match="sequences"):
        tasks.adding(5).batch(0, np.random.default_rng(0))


def test_a_loss_at_the_end_is_none_per_step_however_many_sequences():
    batch = tasks.adding(8).batch(8, np.random.default_rng(0))
    assert not batch.per_step
    chosen = batch.part(np.array([5, 2]))
    assert np.array_equal(chosen.targets, batch.targets[[5, 2]])
    listed = tasks.memorisation(30).batch(4, np.random.default_rng(0))
    assert np.array_equal(listed.part(np.array([3, 1])).targets, listed.targets[:, [3, 1]])
