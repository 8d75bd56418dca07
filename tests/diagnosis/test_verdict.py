"""Networks whose fault is built in: the diagnosis must find it."""

import numpy as np
import pytest

import bptt
from bptt.diagnosis import diagnose_network
from bptt.diagnosis.activity import activity_of
from bptt.dynamics import spectrum
from tests.cells.minimal_gated_unit import MinimalGatedUnit

T, B, I, H = 60, 4, 3, 24


def diagnose(W_R, activation="tanh", b=0.0, scale=0.1, needed_lag=None, loss_at="last"):
    rng = np.random.default_rng(5)
    size = len(W_R)
    layer = bptt.RNN(rng.normal(size=(size, I)), W_R, np.full(size, b), activation)
    net = bptt.Network(
        layer, rng.normal(size=(2, size)), np.zeros(2), loss="mse", loss_at=loss_at
    )  # fmt: skip
    x = scale * rng.normal(size=(T, B, I))
    N = len(net.loss_steps(T))
    return bptt.diagnose(net, (x, rng.normal(size=(N, B, 2))), needed_lag=needed_lag)


def orthogonal(H=H):
    return np.linalg.qr(np.random.default_rng(0).normal(size=(H, H)))[0]


def test_small_weights():
    report = diagnose(0.5 * orthogonal(), scale=1e-3)
    assert (report.verdict, report.cause.name) == ("vanishing", "weights")
    assert report.cause.number == pytest.approx(np.log(0.5), abs=1e-3)
    assert report.layers["rnn.0"].log10_attenuation == pytest.approx(30 * np.log10(0.5), abs=1e-2)
    assert [advice.remedy for advice in report.advice] == [
        "identity-relu", "orthogonal", "gain", "gru", "lstm",
    ]  # fmt: skip


def test_large_weights():
    report = diagnose(1.2 * orthogonal(), "identity", scale=1e-3)
    assert (report.verdict, report.cause.name) == ("exploding", "weights")
    assert report.cause.number == pytest.approx(np.log(1.2), abs=1e-6)
    assert [advice.remedy for advice in report.advice] == ["orthogonal", "gain", None]
    assert "Clip" in report.advice[-1].sentence


def test_logistic():
    report = diagnose(orthogonal(), "logistic")
    assert (report.verdict, report.cause.name) == ("vanishing", "activation slope")
    assert report.cause.number == 0.25
    assert "tanh" in report.advice[0].sentence


def test_saturated_tanh():
    report = diagnose(1.1 * orthogonal(), b=2.0)
    assert (report.verdict, report.cause.name) == ("vanishing", "saturation")
    assert report.cause.number < 0.3  # the mean slope


def test_slope_above_one():
    steep = (lambda z: 1.5 * z, lambda z: np.full_like(z, 1.5))
    report = diagnose(0.9 * orthogonal(), steep, scale=1e-3)
    assert (report.verdict, report.cause.name) == ("exploding", "activation slope")
    assert report.cause.number == pytest.approx(np.log(1.5), abs=1e-6)


def test_non_normal_transient():
    """A chain of units that feed each next one 1.5-fold: spectral radius 0.3, growth for H steps."""
    W_R = 0.3 * np.eye(H) + np.diag(np.full(H - 1, 1.5), 1)
    report = diagnose(W_R, "identity", scale=1e-3)
    assert (report.verdict, report.cause.name) == ("exploding", "non-normal transient")
    assert report.cause.number == spectrum(W_R).peak > 100


def test_steady():
    report = diagnose(orthogonal(), scale=1e-3)
    assert (report.verdict, report.cause.name) == ("steady", "none")


def test_cancellation():
    """A loss at two steps that ask for opposite changes of an integrator: the lags cancel."""
    layer = bptt.RNN([[1.0]], [[1.0]], [0.0], "identity")
    x = np.ones((T, 1, 1))
    net = bptt.Network(layer, [[1.0]], [0.0], loss="mse", loss_at=[29, 59])
    h = layer.forward(x).h[[30, 60], :, 0]
    early, late = sum(range(30)), sum(range(60))  # ∂h/∂w of an integrator of ones
    miss = np.array([[1.0], [-(early - 0.5) / late]])
    report = bptt.diagnose(net, (x, (h - miss)[..., None]))
    assert (report.verdict, report.cause.name) == ("steady", "cancellation")
    assert report.cause.number > 10


def test_dead_relu_is_named():
    report = diagnose(orthogonal(), "relu", b=-50.0, loss_at="every", scale=0)
    assert report.verdict == "vanishing"
    assert report.cause.name == "saturation"
    assert "At lag 0 no unit passes any signal on" in report.cause.sentence


def test_needed_lag_decides():
    """A short horizon is not a problem where the task needs no more."""
    W_R = 0.8 * orthogonal()
    assert diagnose(W_R, needed_lag=5, scale=1e-3).verdict == "steady"
    assert diagnose(W_R, needed_lag=40, scale=1e-3).verdict == "vanishing"


def test_assumptions_are_said():
    given = diagnose(orthogonal(), needed_lag=7).diagnosis.assumed
    assert given[0] == "The task needs lag 7, as you said."
    assert "half the sequence" in diagnose(orthogonal()).diagnosis.assumed[0]
    assert any("state before the first step is zero" in s for s in given)


def test_spectrum_of_a_normal_matrix():
    s = spectrum(0.7 * orthogonal())
    assert s.radius == pytest.approx(0.7)
    assert s.sigma_max == pytest.approx(0.7)
    assert s.peak == pytest.approx(0.7)
    assert s.peak_power == 1


def test_bound():
    """Pascanu: σ_max < 1/γ is sufficient for vanishing."""
    assert "must vanish" in spectrum(0.9 * orthogonal()).bound(1.0)
    assert "must vanish" in spectrum(3.9 * orthogonal()).bound(0.25)
    assert "may explode" in spectrum(1.1 * orthogonal()).bound(1.0)


def test_powers_of_a_nilpotent_matrix_end():
    s = spectrum(np.array([[0.0, 3.0], [0.0, 0.0]]))
    assert (s.radius, s.peak, s.peak_power) == (0, pytest.approx(3), 1)


def gated(kind, bias, scale=0.3, gain=1.0, others=0.0):
    """A gated layer whose carry gate has this bias: forget gate of an LSTM, update gate of a GRU."""
    net = bptt.Network.init(
        I, H, 2, "orthogonal", cell=kind, gain=gain, loss="mse", loss_at="last", rng=0, dtype="float64"
    )  # fmt: skip
    net.layer.b[:] = others
    net.layer.b[H : 2 * H] = bias
    rng = np.random.default_rng(5)
    return bptt.diagnose(net, (scale * rng.normal(size=(T, B, I)), rng.normal(size=(B, 2))))


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_closed_gates(kind):
    """Gates at 1/2 and small weights: the carry halves the error at every step."""
    report = gated(kind, 0.0, gain=0.1)
    layer = report.layers[f"{kind}.0"]
    assert (report.verdict, report.cause.name) == ("vanishing", "gates closed")
    assert report.cause.number == pytest.approx(0.5, abs=0.02)
    assert layer.carry_strength == pytest.approx(0.5, abs=0.02)
    assert layer.carry_gate == pytest.approx(0.5, abs=0.02)
    assert layer.carry_share > 0.9
    assert "gate" in report.advice[0].sentence


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_open_gates_keep_the_error(kind):
    report = gated(kind, 6.0, gain=0.1)
    assert (report.verdict, report.cause.name) == ("steady", "none")
    assert report.layers[f"{kind}.0"].carry_strength > 0.99


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_saturated_gates(kind):
    """All gates at their ends, the carry's gate shut: only W_R is left, and little gets to it."""
    report = gated(kind, -40.0, others=4.0)
    assert (report.verdict, report.cause.name) == ("vanishing", "saturation")
    assert (
        report.cause.number < 0.03
    )  # what the slopes pass on; i tanh'(4) of the candidate's way is 0.0013


def test_exploding_gated_cell():
    report = gated("lstm", 4.0, scale=0.01, gain=12.0)
    assert (report.verdict, report.cause.name) == ("exploding", "weights")
    assert report.cause.number > 0


@pytest.mark.parametrize(("bias", "cause"), [(0.0, "gates closed"), (6.0, "none")])
def test_a_cell_of_ones_own_is_judged_like_those_that_are_built_in(bias, cause):
    """σ(0) = 1/2: the carry halves the error at every step; σ(6) = 0.998 keeps it."""
    layer = MinimalGatedUnit.init(I, H, "orthogonal", gain=0.1, rng=0, dtype="float64")
    layer.b[:] = 0
    layer.gate("f", "b")[:] = bias
    rng = np.random.default_rng(5)
    net = bptt.Network(layer, rng.normal(size=(2, H)), np.zeros(2), loss="mse", loss_at="last")
    report = bptt.diagnose(net, (0.3 * rng.normal(size=(T, B, I)), rng.normal(size=(B, 2))))
    (of_layer,) = report.layers.values()
    assert report.cause.name == cause
    assert of_layer.carry_gate == pytest.approx(1 / (1 + np.exp(-bias)), abs=0.02)
    assert of_layer.carry == "forget gate f"
    if cause == "gates closed":
        assert report.cause.number == pytest.approx(0.5, abs=0.02)
        assert report.advice[0].number == 60  # T_max, twice the lag
        assert "set b_f to 2.53" in report.advice[1].sentence  # 0.1^(1/30) = 0.926


def test_slopes_of_every_gate():
    """By hand, from the gates of one step: σ′ = s (1 - s), tanh′ = 1 - g²."""
    layer = bptt.LSTM.init(I, H, rng=0, dtype="float64")
    layer.b[:] = np.random.default_rng(3).normal(size=4 * H) * 4
    x = np.random.default_rng(4).normal(size=(T, B, I))
    activity, trace = activity_of(layer.forward(x)), layer.forward(x)
    z = x @ layer.W_F.T + trace.h[:-1] @ layer.W_R.T + layer.b
    i, f, g, o = np.split(z, 4, axis=-1)
    slopes = [1 / (2 * np.cosh(s / 2)) ** 2 / 0.25 for s in (i, f, o)] + [1 / np.cosh(g) ** 2]
    assert activity.mean_slope == pytest.approx(slopes[3].mean())
    assert activity.saturated == pytest.approx(np.mean([s < 0.1 for s in slopes]))
    assert 0 < activity.saturated < 1
    assert activity.carry_gate == pytest.approx((1 / (1 + np.exp(-f))).mean())


def test_loss_out_of_reach():
    """No loss step has such a past: that is not vanishing weights."""
    net = bptt.Network.init(2, 4, 2, loss="mse", loss_at=[3], rng=0, dtype="float64")
    rng = np.random.default_rng(0)
    report = bptt.diagnose(net, (rng.normal(size=(20, 2, 2)), rng.normal(size=(1, 2, 2))))
    assert report.cause.name == "loss out of reach"
    assert report.cause.number == 3


def test_zero_weights_are_named():
    report = diagnose(0 * orthogonal())
    assert (report.verdict, report.cause.name) == ("vanishing", "weights")


def test_negative_slopes_are_not_saturated():
    report = diagnose(0.5 * orthogonal(), (lambda z: -np.tanh(z), lambda z: np.tanh(z) ** 2 - 1))
    layer = report.layers["rnn.0"]
    assert layer.saturated == 0
    assert layer.mean_slope > 0.5


def test_a_huge_gradient_that_does_not_grow_is_not_exploding():
    """Overflow is a matter of scale: it is named, but the verdict is about growth."""
    layer = bptt.RNN(
        np.eye(1, dtype="f4"), np.full((1, 1), 0.5, "f4"), np.zeros(1, "f4"), "identity"
    )
    net = bptt.Network(
        layer, np.full((1, 1), 1e10, "f4"), np.zeros(1, "f4"), loss="mse", loss_at="last"
    )
    report = bptt.diagnose(net, (np.full((20, 1, 1), 1e13, "f4"), np.zeros((1, 1), "f4")))
    assert report.verdict == "vanishing"
    assert report.layers["rnn.0"].profile.overflow_lag == 0


def test_whose_network_it_is():
    """Every layer of a stack gets its own diagnosis, by name."""
    net = bptt.Network.init(2, 4, 3, cell="gru", layers=2, bidirectional=True, rng=0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(25, 3, 2)).astype("f4")
    batch = {"x": x, "targets": rng.integers(3, size=(25, 3)), "lengths": np.array([25, 7, 13])}
    report = bptt.diagnose(net, batch)
    assert list(report.layers) == net.stack.names
    assert any("through all layers" in s for s in report.diagnosis.assumed)
    assert any("7 to 25 steps" in s for s in report.diagnosis.assumed)


def test_a_largest_lag_below_the_needed_one_is_refused():
    net = bptt.Network.init(2, 4, 3, rng=0)
    batch = (np.ones((40, 2, 2), "f4"), np.zeros((40, 2), int))
    with pytest.raises(
        bptt.errors.OptionError, match="max_lag: expected at least the needed lag, 20"
    ):
        diagnose_network(net, batch, max_lag=10)
    for name, value, least in (
        ("truncation", 0, 1), ("truncation", 2.5, 1), ("max_lag", -1, 0), ("max_lag", 30.5, 0),
        ("needed_lag", 20.5, 0), ("needed_lag", 40, 0), ("needed_lag", True, 0),
    ):  # fmt: skip
        with pytest.raises(
            bptt.errors.OptionError, match=f"{name}: expected a whole number from {least}"
        ):
            diagnose_network(net, batch, **{name: value})


def test_whole_floats_are_taken():
    """NumPy users have 20.0 where they mean 20."""
    net = bptt.Network.init(2, 4, 3, rng=0)
    batch = (np.ones((40, 2, 2), "f4"), np.zeros((40, 2), int))
    whole = {"needed_lag": 20, "max_lag": 30, "truncation": 8}
    ints = diagnose_network(net, batch, **whole)
    floats = diagnose_network(net, batch, **{name: float(value) for name, value in whole.items()})
    assert floats.truncation == 8
    assert floats.assumed == ints.assumed
    assert (floats.decisive.profile.norm == ints.decisive.profile.norm).all()


def test_the_exploding_layer_decides():
    """The upper layer lets the error fade, the lower one blows it up: the report is about the lower."""
    H = 6
    below = bptt.RNN(np.eye(H), 1.3 * orthogonal(H), np.zeros(H), "identity")
    above = bptt.RNN(np.eye(H), 0.1 * np.eye(H), np.zeros(H), "identity")
    net = bptt.Network(bptt.Stack([below, above]), np.ones((1, H)), np.zeros(1), "mse", "last")
    rng = np.random.default_rng(0)
    report = bptt.diagnose(net, (1e-6 * rng.normal(size=(40, 2, H)), rng.normal(size=(2, 1))))
    assert [layer.verdict for layer in report.layers.values()] == ["exploding", "vanishing"]
    assert report.verdict == "exploding"


def test_a_loss_at_one_step_and_one_sequence_are_said_in_the_singular(rng):
    net = bptt.Network.init(3, 4, 2, loss_at=[5], rng=0)
    report = bptt.diagnose(
        net, (rng.normal(size=(8, 1, 3)).astype("float32"), np.zeros((1, 1), int))
    )
    assert any(
        "at 1 step. The numbers come from one batch of 1 sequence of 8 steps" in a
        for a in report.diagnosis.assumed
    )
