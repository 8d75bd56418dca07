"""What each remedy does to the weights, and what the signal does then."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.data import tasks
from bptt.errors import OptionError
from bptt.remedies import CATALOGUE, NetworkSubject, Settings
from bptt.remedies.catalogue import chosen
from bptt.remedies.gain import log10_attenuation
from tests.cells.minimal_gated_unit import MinimalGatedUnit

T, H = 40, 24


def subject_of(cell="rnn", layers=1, seed=0, data=None, budget=0, **options):
    """A fresh network on normal inputs, loss at the last step."""
    network = bptt.Network.init(
        2, H, 1, cell=cell, layers=layers, loss="mse", loss_at="last", rng=seed, dtype="float64",
        **options,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    batch = (rng.standard_normal((T, 16, 2)), rng.standard_normal((16, 1)))
    return NetworkSubject.of(network, batch, None, data, Settings(budget))


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


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "cho_gru"])
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
    assert -0.5 < log10_attenuation(subject.changed([layer]), subject.needed) <= 0


def test_scaled_identity_of_a_linear_network_is_the_identity():
    (layer,) = change("scaled-identity", subject_of(activation="identity")).layers
    assert layer.W_R == pytest.approx(np.eye(H), rel=0.01)


def test_activation():
    assert change("activation", subject_of(activation="logistic")).layers[0].phi.name == "tanh"
    assert change("activation", subject_of()).layers[0].phi.name == "relu"


@pytest.mark.parametrize(("name", "cell"), [("forget-bias", "lstm"), ("update-bias", "gru")])
def test_open_gates(name, cell):
    """As far as keeps a tenth over the needed lag, half of the sequence."""
    subject = subject_of(cell)
    (layer,) = change(name, subject).layers
    assert (1 + np.exp(-layer.b[H : 2 * H])) ** -(T // 2) == pytest.approx(0.1)
    assert (layer.b[:H] == subject.layers[0].b[:H]).all()
    opened = subject.changed([layer]).diagnose().decisive
    assert opened.carry_gate > 0.7 > subject.diagnose().decisive.carry_gate
    assert opened.log10_attenuation > subject.diagnose().decisive.log10_attenuation


def test_a_short_lag_opens_no_gate_less_than_the_lecture_does():
    subject = replace(subject_of("lstm"), needed_lag=3)
    (layer,) = change("forget-bias", subject).layers
    assert (layer.b[H : 2 * H] == 1).all()


@pytest.mark.parametrize("lag", [10, 30])
def test_chrono_covers_the_lags_up_to_twice_the_needed_one(lag):
    (layer,) = change("chrono", replace(subject_of("lstm"), needed_lag=lag)).layers
    steps = 1 + np.exp(layer.b[H : 2 * H])  # 1/(1 - σ(b)) = 1 + e^b
    assert steps.min() >= 2
    assert 1.4 * lag < steps.max() <= 2 * lag
    assert (layer.b[:H] == -layer.b[H : 2 * H]).all()


@pytest.mark.parametrize(("name", "gate"), [("lstm", "f"), ("gru", "z")])
def test_gated_cells_in_the_place_of_plain_ones(name, gate):
    """The carry alone keeps a tenth; the readout fits; a network cannot be made another by writing into it."""
    subject = subject_of(layers=2, bidirectional=True)
    changed = subject.changed(change(name, subject).layers)
    assert [layer.kind for layer in changed.layers] == [name] * 4
    for layer in changed.layers:
        assert (1 + np.exp(-layer.gate(gate, "b"))) ** -(T // 2) == pytest.approx(0.1)
        if name == "lstm":
            assert (layer.gate("i", "b") == -layer.gate("f", "b")).all()
    assert changed.network.run(**subject.batch).E > 0
    with pytest.raises(OptionError, match=r"network = ranking\.model\(\)"):
        subject.take(changed.layers)
    assert [layer.kind for layer in subject.layers] == ["rnn"] * 4


def test_inputs_are_scaled_until_the_units_are_not_saturated():
    """Of slopes 1 - h² less than a tenth of the steepest, 1, counted on the states of plain loops."""
    subject = subject_of()
    loud = subject.layers
    loud[0].W_F *= 40
    subject = subject.changed(loud)

    def saturated(layer):
        h, count = np.zeros((16, H)), 0
        for x in subject.batch["x"]:
            h = np.tanh(x @ layer.W_F.T + h @ layer.W_R.T + layer.b)
            count += (1 - h**2 < 0.1).sum()
        return count / (T * h.size)

    (layer,) = change("input-scale", subject).layers
    assert saturated(loud[0]) > 0.5
    assert 0.03 < saturated(layer) <= 0.1
    assert np.ptp(layer.W_F / loud[0].W_F) < 1e-12
    with pytest.raises(OptionError, match="the inputs are not too large"):
        change("input-scale", subject_of())


def test_each_layer_has_a_scale_of_its_own():
    """One that nothing mends keeps no other from being mended."""
    subject = subject_of(layers=3)
    loud = subject.layers
    loud[0].W_F *= 40
    loud[1].W_R *= 40
    loud[2].W_F *= 8
    subject = subject.changed(loud)
    made = change("input-scale", subject)
    scales = [float((new.W_F / old.W_F).mean()) for new, old in zip(made.layers, loud, strict=True)]
    assert scales[0] < scales[2] < 1
    assert scales[1] == 1
    assert [sentence.split(":")[0] for sentence in made.sentences] == ["rnn.0", "rnn.2"]
    np.testing.assert_array_equal(made.layers[1].W_R, loud[1].W_R)


def test_the_training_alone():
    subject = subject_of(data=tasks.adding(T))
    assert change("lr-up", subject).settings == {"lr": 0.003}
    assert change("lr-down", subject).settings == {"lr": 0.000333}
    subject = replace(subject, settings=Settings(1000))
    growing = change("curriculum", subject).settings["curriculum"]
    assert [growing.length(n) for n in (0, 250, 500, 900)] == [10, 25, 40, 40]
    with pytest.raises(OptionError, match="nothing says what would be asked of shorter sequences"):
        change("curriculum", subject_of())


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
    assert (1 + np.exp(-layer.b[:H])) ** -(T // 2) == pytest.approx(0.1)
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
        ("gru", "lstm", "does not apply to gated cells"),
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


def test_apply_writes_into_the_network():
    subject = subject_of()
    network = subject.network
    report = bptt.diagnose(network, tuple(subject.batch.values()))
    found = report.try_remedies(
        tasks.adding(T), budget=0, progress=False, only=["identity-relu", "clip"]
    )
    changed = found.model("identity-relu")
    assert network.layer.phi.name == "tanh"
    assert found.apply("identity-relu") == {}
    assert network.layer.phi.name == "relu"
    x = subject.batch["x"]
    assert (network.layer.forward(x).h == changed.layer.forward(x).h).all()
    assert set(found.apply("clip")) == {"clip"}


def test_a_name_that_is_nearly_one_gets_a_suggestion():
    with pytest.raises(OptionError, match=r"got 'ortogonal'\. Did you mean 'orthogonal'\?"):
        chosen(["ortogonal"])
    with pytest.raises(OptionError, match=r"got 'xyz'\. Choose from these"):
        chosen(["xyz"])
