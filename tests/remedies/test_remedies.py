"""What each remedy does to the weights, and what the signal does then."""

from itertools import pairwise

import numpy as np
import pytest

import bptt
from bptt.data import tasks
from bptt.errors import OptionError
from bptt.remedies import CATALOGUE, NetworkSubject, Settings, try_remedies
from bptt.remedies.gain import log10_attenuation
from tests.cells.minimal_gated_unit import MinimalGatedUnit

T, H = 40, 24


def subject_of(cell="rnn", layers=1, seed=0, data=None, updates=0, **options):
    """A fresh network on normal inputs, loss at the last step."""
    network = bptt.Network.init(
        2, H, 1, cell=cell, layers=layers, loss="mse", loss_at="last", rng=seed, dtype="float64",
        **options,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    batch = (rng.standard_normal((T, 16, 2)), rng.standard_normal((16, 1)))
    return NetworkSubject.of(network, batch, None, data, Settings(updates))


def change(name, subject, seed=0):
    return CATALOGUE[name].make(subject, np.random.default_rng(seed))


def signal(subject):
    """Signal at the needed lag over that at lag 0, by one backward pass per lag in plain loops."""
    network = subject.network
    run = network.run(**subject.batch)
    layer, trace = network.layer, run.trace
    z = trace.x @ layer.W_F.T + trace.h[:-1] @ layer.W_R.T + layer.b
    slope = 1 / np.cosh(z) ** 2
    d = run.dh[-1] * slope[-1]
    first = np.linalg.norm(d)
    for t in range(T - 2, T - 2 - subject.needed, -1):
        d = d @ layer.W_R * slope[t]
    return np.linalg.norm(d) / first


def test_gain_keeps_the_signal_and_is_not_spectral_radius_one():
    subject = subject_of()
    found = change("gain", subject)
    changed = subject.changed(found.layers)
    assert signal(subject) < 1e-4
    assert signal(changed) == pytest.approx(1, rel=0.06)
    before, after = subject.layers[0].W_R, found.layers[0].W_R
    ratio = after / before
    assert np.ptp(ratio) < 1e-9  # one factor
    assert (
        np.abs(np.linalg.eigvals(after)).max() > 1.15
    )  # the inputs push the units into saturation


def test_gain_is_refused_where_no_gain_keeps_the_signal():
    network = bptt.Network(
        bptt.RNN(np.eye(3), np.zeros((3, 3)), np.zeros(3)), np.ones((1, 3)), [0.0], "mse"
    )
    rng = np.random.default_rng(0)
    batch = (rng.standard_normal((20, 4, 3)), rng.standard_normal((20, 4, 1)))
    with pytest.raises(OptionError, match="no scaling of W_R keeps the signal"):
        change("gain", NetworkSubject.of(network, batch, None, None, Settings()))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_orthogonal_in_every_gate(cell):
    (layer,) = change("orthogonal", subject_of(cell)).layers
    for gate in np.split(layer.W_R, len(layer.W_R) // H):
        assert gate @ gate.T == pytest.approx(np.eye(H), abs=1e-12)


def test_identity_relu():
    subject = subject_of()
    (layer,) = change("identity-relu", subject).layers
    assert (layer.W_R == np.eye(H)).all()
    assert not layer.b.any()
    assert layer.phi.name == "relu"
    assert (layer.W_F == subject.layers[0].W_F).all()
    # the signal of a unit that is above zero is carried unchanged: 1 to a power
    assert -0.5 < log10_attenuation(subject.changed([layer])) <= 0


def test_scaled_identity_of_a_linear_network_is_the_identity():
    (layer,) = change("scaled-identity", subject_of(activation="identity")).layers
    assert layer.W_R == pytest.approx(np.eye(H), rel=0.01)


def test_activation():
    assert change("activation", subject_of(activation="logistic")).layers[0].phi.name == "tanh"
    assert change("activation", subject_of()).layers[0].phi.name == "relu"


@pytest.mark.parametrize(("name", "cell"), [("forget-bias", "lstm"), ("update-bias", "gru")])
def test_open_gates(name, cell):
    subject = subject_of(cell)
    (layer,) = change(name, subject).layers
    assert (layer.b[H : 2 * H] == 1).all()
    assert (layer.b[:H] == subject.layers[0].b[:H]).all()
    opened = subject.changed([layer]).diagnose().decisive
    assert opened.carry_gate > 0.7 > subject.diagnose().decisive.carry_gate
    assert opened.log10_attenuation > subject.diagnose().decisive.log10_attenuation


def test_chrono_covers_the_lags_of_the_sequence():
    (layer,) = change("chrono", subject_of("lstm")).layers
    steps = 1 + np.exp(layer.b[H : 2 * H])  # 1/(1 - σ(b)) = 1 + e^b
    assert steps.min() >= 2
    assert steps.max() <= T
    assert (layer.b[:H] == -layer.b[H : 2 * H]).all()


def test_the_gate_of_a_cell_of_ones_own_is_opened():
    """Its forget gate stands first; it has no input gate that chrono could close."""
    rng = np.random.default_rng(0)
    network = bptt.Network(
        MinimalGatedUnit.init(2, H, rng=0, dtype="float64"), rng.standard_normal((1, H)), [0.0],
        "mse", "last",
    )  # fmt: skip
    batch = (rng.standard_normal((T, 16, 2)), rng.standard_normal((16, 1)))
    subject = NetworkSubject.of(network, batch, None, None, Settings())
    (layer,) = change("forget-bias", subject).layers
    assert (layer.b[:H] == 1).all()
    assert (layer.b[H:] == network.layer.b[H:]).all()
    (layer,) = change("chrono", subject).layers
    assert 2 <= (1 + np.exp(layer.b[:H])).min() <= (1 + np.exp(layer.b[:H])).max() <= T
    assert (layer.b[H:] == network.layer.b[H:]).all()
    with pytest.raises(OptionError, match="layers whose update gate carries the state, got mgu"):
        change("update-bias", subject)


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("identity-relu", "lstm", "does not apply to gated cells"),
        ("flossing", "gru", "does not apply to gated cells"),
        ("omega", "lstm", "does not apply to gated cells"),
        ("forget-bias", "gru", "no such gate"),
        ("update-bias", "rnn", "no such gate"),
        ("chrono", "rnn", "no such gate"),
        ("truncation", "rnn", "nothing is cut off"),
    ],
)
def test_a_remedy_that_does_not_apply_says_so(name, cell, said):
    with pytest.raises(OptionError, match=said):
        change(name, subject_of(cell))


def test_flossing_in_a_stack():
    subject = subject_of(layers=2, activation="tanh")
    found = change("flossing", subject)
    flossed = subject.changed(found.layers)
    for before, after in zip(subject.traces(), flossed.traces(), strict=True):
        first = bptt.lyapunov(before, count=2).exponents
        last = bptt.lyapunov(after, count=2).exponents
        assert np.abs(last).max() < 0.2 * np.abs(first).max()


def test_clip_is_the_median_of_the_norms():
    subject = subject_of(data=tasks.adding(T))
    found = change("clip", subject)
    assert found.layers is None
    norms = []
    for n in range(30):  # the batches that the remedy sees, each with a plain backward pass
        batch = tasks.adding(T).batch(32, np.random.default_rng([0, n])).arguments("float64")
        everything = subject.network.backward(subject.network.run(**batch))
        names = subject.network.parameters()
        norms.append(np.sqrt(sum(np.square(everything[name]).sum() for name in names)))
    assert found.settings["clip"] == pytest.approx(np.median(norms), rel=0.05)


def test_nothing_is_changed_but_the_copies():
    subject = subject_of(data=tasks.adding(T), updates=3)
    kept = {name: value.copy() for name, value in subject.network.parameters().items()}
    try_remedies(subject, rng=0)
    for name, value in subject.network.parameters().items():
        assert (value == kept[name]).all()


def test_ranked_by_the_trial_then_by_reach():
    task = tasks.adding(20)
    network = bptt.Network.init(2, 32, 1, loss="mse", loss_at="last", rng=0)
    batch = task.batch(32, np.random.default_rng(5)).arguments()
    report = bptt.diagnose(network, batch, needed_lag=10)
    found = report.try_remedies(
        task, trial_updates=400, progress=False, only=["orthogonal", "identity-relu", "omega"]
    )
    losses = [tried.trial.loss for tried in found.tried]
    assert all(a < 1.06 * b for a, b in pairwise(losses))
    untrained = report.try_remedies(trial_updates=0, progress=False, only=["orthogonal", "gain"])
    assert [tried.trial for tried in untrained.tried] == [None] * 3
    assert untrained.tried[-1].name == "as it is"


def test_apply_writes_into_the_network():
    subject = subject_of()
    network = subject.network
    report = bptt.diagnose(network, tuple(subject.batch.values()))
    found = report.try_remedies(
        tasks.adding(T), trial_updates=0, progress=False, only=["identity-relu", "clip"]
    )
    changed = found.model("identity-relu")
    assert network.layer.phi.name == "tanh"
    assert found.apply("identity-relu") == {}
    assert network.layer.phi.name == "relu"
    x = subject.batch["x"]
    assert (network.layer.forward(x).h == changed.layer.forward(x).h).all()
    assert set(found.apply("clip")) == {"clip"}


def test_a_trial_that_diverges_ranks_last():
    network = bptt.Network.init(
        2, 16, 1, "gaussian", activation="relu", gain=2.0, loss="mse", loss_at="last", rng=0
    )
    rng = np.random.default_rng(0)
    batch = (rng.standard_normal((100, 8, 2)).astype("f4"), np.zeros((8, 1), "f4"))
    found = bptt.diagnose(network, batch).try_remedies(
        only=["identity-relu"], trial_updates=30, clip=None, lr=1.0, progress=False
    )
    assert found.tried[-1].trial.stopped


def test_bad_options():
    subject = subject_of()
    with pytest.raises(OptionError, match="only: expected names among gain"):
        try_remedies(subject, only=["magic"])
    for candidates in (0, 2.5, "3"):
        with pytest.raises(OptionError, match="candidates: expected a whole number from 1"):
            try_remedies(subject, candidates=candidates)
    with pytest.raises(OptionError, match="a remedy that applies"):
        try_remedies(subject, only=["chrono"])
    report = bptt.diagnose(subject.network, tuple(subject.batch.values()))
    for name, value, expected in (
        ("trial_updates", -1, "a whole number from 0"), ("trial_updates", 2.5, "a whole number from 0"),
        ("batch", 0.5, "a whole number from 1"), ("seed", 1.5, "a whole number from 0"),
        ("lr", 0, "a positive number"), ("lr", "fast", "a positive number"),
        ("clip", 0, "a positive number"), ("clip", np.nan, "a positive number"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=f"{name}: expected {expected}"):
            report.try_remedies(progress=False, **{name: value})
    found = report.try_remedies(only=["orthogonal"], trial_updates=0.0, progress=False)
    with pytest.raises(OptionError, match="it was not tried"):
        found.apply("gain")


@pytest.mark.parametrize("sequences", [2, 4])
def test_a_batch_with_a_loss_at_listed_steps_is_trained_on(sequences, rng):
    """Targets (n, B): sequences are chosen along the second axis."""
    net = bptt.Network.init(3, 5, 2, loss_at=(6, 7), rng=0)
    x = rng.normal(size=(8, sequences, 3)).astype("float32")
    batch = x, rng.integers(2, size=(2, sequences))
    ranking = bptt.diagnose(net, batch).try_remedies(
        only=["orthogonal"], trial_updates=2, progress=False
    )
    assert np.isfinite(ranking.before.trial.loss)
