"""The look ahead of a network, and what it says."""

import signal
from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.data import Batch, Series, Text, load, tasks
from bptt.errors import OptionError
from bptt.prognoses import (
    NetworkLearner,
    Prognosis,
    enough_to_hold_out,
    look_ahead,
    measure,
    prognosis_of,
)
from bptt.prognoses.held_out import split


def network_for(task, hidden=16, **body):
    return bptt.Network.init(
        task.inputs, hidden, task.outputs, loss=task.loss, loss_at=task.loss_at, rng=0, **body
    )


@pytest.fixture(scope="module")
def adding():
    return tasks.adding(20)


@pytest.fixture(scope="module")
def seen(adding):
    """A GRU that learns it, looked ahead."""
    return prognosis_of(NetworkLearner(network_for(adding, 32, cell="gru"), adding, lr=5e-3), 1000)


def test_the_curves_have_a_value_at_every_point(seen):
    assert seen.curves["update"] == [0, 50, 100]
    assert len(seen.losses) == 100
    for name in (
        "loss",
        "blind",
        "log10_attenuation",
        "form",
        "agreement_coherence",
        "agreement_error",
    ):
        assert np.isfinite(seen.curves[name]).all(), name


def test_the_same_seed_gives_the_same_bits(adding, seen):
    again = prognosis_of(NetworkLearner(network_for(adding, 32, cell="gru"), adding, lr=5e-3), 1000)
    assert again.curves == seen.curves
    assert again.losses == seen.losses
    assert again.probability == seen.probability
    other = NetworkLearner(network_for(adding, 32, cell="gru"), adding, lr=5e-3, seed=1)
    assert prognosis_of(other, 1000).losses != seen.losses


def test_it_is_the_training_that_train_makes(adding):
    """The copy after n updates is the network that ``bptt.training.train`` gives."""
    network = network_for(adding)
    learner = NetworkLearner(network, adding, lr=1e-3, seed=3)
    learner.advance(7, lambda E: None)
    measure(learner, 2, 2)  # measuring does not disturb it
    learner.advance(5, lambda E: None)
    trained = bptt.training.train(
        network, adding, updates=12, optimiser=bptt.training.Adam(1e-3), seed=3
    ).network
    for name, value in trained.parameters().items():
        assert np.array_equal(value, learner.network.parameters()[name]), name


def test_the_network_is_left_as_it_is(adding):
    network = network_for(adding)
    before = {name: value.copy() for name, value in network.parameters().items()}
    prognosis_of(NetworkLearner(network, adding), 40)
    assert all(np.array_equal(before[n], v) for n, v in network.parameters().items())


def test_reach_is_that_of_a_diagnosis(adding):
    learner = NetworkLearner(network_for(adding, cell="lstm"), adding)
    arguments = learner.held_out.batches[0].arguments()
    report = bptt.diagnose(learner.network, arguments, needed_lag=adding.needed_lag)
    reach = measure(learner, 2, 2).log10_attenuation
    assert reach == pytest.approx(report.diagnosis.decisive.log10_attenuation, abs=1e-6)


def test_what_is_measured_on_is_not_trained_on(adding):
    learner = NetworkLearner(network_for(adding), adding, seed=0)
    held = {batch.x[:, b].tobytes() for batch in learner.held_out.batches for b in range(32)}
    assert len(held) == 12 * 32
    for n in range(40):
        x = learner._update.source.arguments(learner.network, n, [])["x"]
        assert not held & {x[:, b].tobytes() for b in range(32)}


def test_one_batch_is_split():
    rng = np.random.default_rng(0)
    network = bptt.Network.init(2, 8, 2, loss_at="last", rng=0)
    batch = {
        "x": rng.standard_normal((10, 40, 2)).astype("float32"),
        "targets": rng.integers(2, size=40),
    }
    parts = split(network, batch, 0)
    both = np.concatenate([parts.train.x, parts.held_out.x], axis=1)
    assert parts.held_out.x.shape[1] == 12
    assert both.shape == (10, 40, 2)
    assert {c.tobytes() for c in both.transpose(1, 0, 2)} == {
        c.tobytes() for c in batch["x"].transpose(1, 0, 2)
    }
    assert prognosis_of(NetworkLearner(network, batch), 40).measured[-1].update == 4
    few = {name: value[:, :20] if name == "x" else value[:20] for name, value in batch.items()}
    with pytest.raises(OptionError, match=r"^data: expected at least 24 sequences.* got 20"):
        NetworkLearner(network, few)
    with pytest.raises(OptionError, match=r"^batch: .*Pass data="):
        split(network, few, 0)
    with pytest.raises(OptionError, match="h0"):
        NetworkLearner(network, batch | {"h0": np.zeros((40, 8), "float32")})


def test_text_and_series():
    text = Text.load()
    size = len(text.characters)
    network = bptt.Network.init(size, 8, size, cell="gru", rng=0)
    seen = prognosis_of(NetworkLearner(network, text, needed_lag=20, length=16, batch=8), 40)
    assert seen.needed_lag == 20
    assert seen.unit == "bits"
    assert seen.measured[-1].agreement is not None
    assert seen.measured[-1].form is not None
    rng = np.random.default_rng(0)
    lengths = rng.integers(6, 13, 60)
    x = rng.standard_normal((12, 60, 3)).astype("float32")
    whole = Batch(x, rng.integers(3, size=60), lengths)
    series = Series(
        "own", whole.part(slice(0, 40)), whole.part(slice(40, 60)), 3, "cross_entropy", "last"
    )
    seen = prognosis_of(
        NetworkLearner(bptt.Network.init(3, 8, 3, loss_at="last", rng=0), series, needed_lag=5), 40
    )
    assert seen.measured[-1].agreement is not None


def test_the_blind_loss_is_that_of_the_mean_state():
    task = tasks.adding(10)
    network = network_for(task)
    learner = NetworkLearner(network, task)
    batch = learner.held_out.batches[0]
    one = next(learner.passes(1))
    run = network.run(**batch.arguments())
    o = run.h[0].mean(0) @ network.W_O.T + network.b_O
    assert one.blind == pytest.approx(float(np.mean((o - batch.targets) ** 2)), rel=1e-5)
    assert one.E == pytest.approx(run.E)


def test_a_training_that_breaks_off_will_not_learn(adding):
    network = network_for(adding, activation="relu", gain=40.0)
    seen = prognosis_of(NetworkLearner(network, adding, lr=1e30, clip=None), 200)
    assert seen.stopped.startswith("The training broke off after")
    assert seen.diverged
    assert seen.verdict == "will not learn"
    assert seen.probability == 0.0


def test_ctrl_c_leaves_what_is_known(adding):
    learner = NetworkLearner(network_for(adding), adding)

    def press(done, total, work):
        if done == 7:
            signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        seen = look_ahead(learner, 10, press)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert [m.update for m in seen.measured] == [0, 5]
    assert len(seen.losses) == 7
    assert seen.stopped == "Interrupted after 7 of 10 updates."
    assert not seen.diverged


def test_no_word_of_a_reason_makes_a_training_diverge():
    seen = Prognosis(5, 20, (), (), stopped="Stopped by hand: the user broke off to go home.")
    assert not seen.diverged
    assert replace(seen, diverged=True).probability == 0.0


def test_levels_that_run_both_ways_are_judged_without_agreement_and_form():
    network = bptt.Network.init(3, 6, 2, layers=2, bidirectional=True, loss_at="last", rng=0)
    rng = np.random.default_rng(0)
    batch = {
        "x": rng.standard_normal((10, 40, 3)).astype("float32"),
        "targets": rng.integers(2, size=40),
    }
    seen = prognosis_of(NetworkLearner(network, batch, needed_lag=5), 40)
    assert seen.remarks
    assert "Agreement and form are left out" in seen.remarks[0]
    assert seen.measured[-1].agreement is None
    assert seen.measured[-1].form is None
    assert 0 <= seen.probability <= 1


@pytest.mark.parametrize("budget", [0, 19, 2.5, "many"])
def test_a_budget_that_is_none(adding, budget):
    with pytest.raises(OptionError, match="budget"):
        prognosis_of(NetworkLearner(network_for(adding), adding), budget)


def test_a_network_that_does_not_fit_the_data(adding):
    with pytest.raises(OptionError, match="inputs, outputs, loss"):
        NetworkLearner(bptt.Network.init(5, 8, 1, loss="mse", loss_at="last", rng=0), adding)


def test_what_learns_and_what_does_not(adding, seen):
    """Both are trained to the end besides: the sentence is about that."""
    assert seen.verdict == "will learn"
    assert seen.missing is None
    assert 100 <= seen.expected_step <= 1000
    far = tasks.adding(60)
    stuck = network_for(far, 32)
    asked = prognosis_of(NetworkLearner(stuck, far), 800)
    assert asked.verdict == "will not learn"
    assert asked.missing == "reach"
    assert asked.expected_step is None
    score = bptt.training.train(
        network_for(adding, 32, cell="gru"), adding, updates=1000, optimiser=bptt.training.Adam(5e-3), seed=9,
    ).score  # fmt: skip
    assert score < 0.5 * adding.baseline
    assert (
        bptt.training.train(stuck, far, updates=800, optimiser=bptt.training.Adam(1e-3)).score
        > 0.9 * far.baseline
    )


REFUSED = {
    "clip": ({"clip": -1}, "clip: expected a positive number, got -1"),
    "omega": ({"omega": -0.5}, "omega: expected a number from 0, got -0.5"),
    "window": ({"window": 30}, "window: expected a text"),
    "lr": ({"lr": 0}, "lr: expected"),
    "batch": ({"batch": 2.5}, "batch: expected a whole number"),
    "seed": ({"seed": -1}, "seed: expected a whole number"),
    "length": ({"length": 0}, "length: expected a whole number from 1, got 0"),
    "needed_lag": ({"needed_lag": 20}, "needed_lag: expected a whole number from 0 to 19"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_number_outside_its_range(adding, name):
    settings, message = REFUSED[name]
    with pytest.raises(OptionError) as refused:
        NetworkLearner(network_for(adding), adding, **settings)
    assert str(refused.value).startswith(message)


def test_omega_of_gates_is_refused(adding):
    with pytest.raises(OptionError, match="omega: expected plain RNN layers, got lstm layers"):
        NetworkLearner(network_for(adding, cell="lstm"), adding, omega=1.0)


def test_that_noise_teaches_nothing_is_said(adding):
    noise = load("noise", 20)
    learner = NetworkLearner(network_for(noise), noise)
    assert any("nothing in it to learn" in remark for remark in learner.remarks)
    assert NetworkLearner(network_for(adding), adding).remarks == ()


def test_whether_sequences_are_enough():
    """Where none are kept apart 24 are needed, and else 8 that are held out."""
    batch = Batch(np.zeros((5, 24, 1), "float32"), np.zeros(24, int), np.full(24, 5))

    def enough(train, held_out):
        parts = batch.part(slice(0, train)), batch.part(slice(0, held_out))
        return enough_to_hold_out(Series("own", *parts, 2, "cross_entropy", "last"))

    assert enough(16, 8)
    assert not enough(24, 7)
    whole = Series("own", batch, batch, 2, "cross_entropy", "last", apart=False)
    assert enough_to_hold_out(whole)
    few = batch.part(slice(0, 23))
    assert not enough_to_hold_out(Series("own", few, few, 2, "cross_entropy", "last", apart=False))
    assert enough_to_hold_out(tasks.adding(20))


def test_nothing_is_told_while_the_constant_is_still_being_learnt():
    """With so small a budget the look ahead ends while the output still finds its mean; trained on, it does not learn."""
    far = tasks.adding(40)
    network = network_for(far, 16, cell="gru")
    early = prognosis_of(NetworkLearner(network, far), 400)
    assert early.measured[2].blind < 0.9 * early.measured[1].blind
    assert not early.settled
    assert early.verdict == "cannot tell"
