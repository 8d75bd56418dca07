"""Advice, followed by its code: the verdict is mended, or the next advice is another; never the same again."""

import numpy as np
import pytest

import bptt
from bptt.cli.advice_words import commands
from bptt.dynamics import bias_that_keeps
from bptt.errors import OptionError

torch = pytest.importorskip("torch")
nn = torch.nn

H, LAG, MOST = 12, 25, 5


def followed(diagnose, model):
    """The advice that was followed, in order, until the verdict is steady."""
    names = []
    for _ in range(MOST):
        report = diagnose()
        if report.verdict == "steady":
            return names
        first = report.advice[0]
        assert first.code, first
        names.append(first.sentence if first.remedy in (None, "gain") else first.remedy)
        assert len(set(names)) == len(names), names
        exec(first.code, {"model": model, "report": report, "torch": torch})
    raise AssertionError(f"not steady after {names}")


NETWORKS = [
    ("rnn", "pytorch", 1.0, 1, "tanh", 0.1),
    ("rnn", "pytorch", 1.0, 2, "tanh", 10.0),
    ("rnn", "gaussian", 3.0, 1, "relu", 0.1),
    ("rnn", "orthogonal", 1.5, 2, "relu", 1.0),
    ("rnn", "orthogonal", 3.0, 2, "tanh", 10.0),
    ("rnn", "identity", 1.0, 2, "logistic", 1.0),
    ("rnn", "orthogonal", 1.0, 1, "softsign", 10.0),
    ("lstm", "pytorch", 1.0, 2, None, 1.0),
    ("lstm", "orthogonal", 1.0, 1, None, 30.0),
    ("lstm", "gaussian", 3.0, 1, None, 0.1),
    ("gru", "pytorch", 1.0, 1, None, 1.0),
    ("gru", "gaussian", 3.0, 2, None, 10.0),
]


@pytest.mark.parametrize(("cell", "init", "gain", "layers", "activation", "size"), NETWORKS)
def test_a_network(cell, init, gain, layers, activation, size):
    more = {} if activation is None else {"activation": activation}
    net = bptt.Network.init(
        3, H, 2, init, cell=cell, layers=layers, gain=gain, loss_at="last", rng=1, **more
    )
    rng = np.random.default_rng(0)
    batch = (
        (size * rng.standard_normal((2 * LAG, 6, 3))).astype("f4"),
        rng.integers(0, 2, 6),
    )
    followed(lambda: bptt.diagnose(net, batch, needed_lag=LAG), net)


@pytest.mark.parametrize(
    ("kind", "levels", "size"),
    [(nn.RNN, 1, 0.1), (nn.RNN, 2, 10.0), (nn.LSTM, 2, 0.1), (nn.LSTM, 1, 30.0), (nn.GRU, 2, 10.0)],
)
def test_a_pytorch_model(kind, levels, size):
    """Its code names the parameters of the module itself."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": kind(3, H, levels), "out": nn.Linear(H, 2)})
    batch = size * torch.randn(2 * LAG, 6, 3), torch.randint(0, 2, (6,))

    def loss(model, batch):
        return nn.functional.cross_entropy(model["out"](model["rnn"](batch[0])[0][-1]), batch[1])

    followed(lambda: bptt.diagnose(model, batch, loss, LAG), model)


def loud(model=None):
    """Inputs of size 30, which saturate, diagnosed."""
    x = 30 * np.random.default_rng(0).standard_normal((2 * LAG, 6, 3)).astype("f4")
    if model is None:
        model = bptt.Network.init(3, H, 2, loss_at="last", rng=1)
        return model, lambda: bptt.diagnose(model, (x, np.zeros(6, int)), needed_lag=LAG)
    x = torch.from_numpy(x)
    return model, lambda: bptt.diagnose(model, x, lambda m, x: m(x)[0][-1].square().mean(), LAG)


def test_inputs_that_saturate_are_scaled_by_the_remedy():
    model, diagnose = loud()
    report = diagnose()
    first = report.advice[0]
    assert (report.cause.name, first.remedy) == ("saturation", "input-scale")
    assert first.code == 'report.apply("input-scale")'
    assert f"Scale W_F by about {first.number:g}" in first.sentence
    assert commands(first, None) == "bptt remedies --only input-scale --remedy input-scale --apply"
    (layer,) = report.layers.values()
    assert layer.saturated > 0.5
    exec(first.code, {"model": model, "report": report})
    after = diagnose()
    assert next(iter(after.layers.values())).saturated <= 0.1
    assert "input-scale" not in [each.remedy for each in after.advice]


def test_inputs_that_saturate_a_pytorch_layer():
    torch.manual_seed(0)
    model, diagnose = loud(nn.RNN(3, H))
    first = diagnose().advice[0]
    assert first.remedy == "input-scale"
    assert first.code == f"model.weight_ih_l0.data[:] *= {first.number:g}"
    before = model.weight_ih_l0.detach().clone()
    exec(first.code, {"model": model})
    torch.testing.assert_close(model.weight_ih_l0.detach(), before * first.number)
    assert "input-scale" not in [each.remedy for each in diagnose().advice]


def test_states_that_saturate_by_themselves_are_no_matter_of_the_inputs():
    """The remedy would be refused, so it is not advised."""
    model, diagnose = loud()
    model.layer.W_R *= 30
    assert "input-scale" not in [each.remedy for each in diagnose().advice]
    with pytest.raises(OptionError, match="it is not the inputs"):
        diagnose().apply("input-scale")


def lstm_model(levels=2, **more):
    torch.manual_seed(0)
    model = nn.LSTM(3, H, levels, **more)
    x = torch.randn(2 * LAG, 6, 3)
    return model, bptt.diagnose(model, x, lambda m, x: m(x)[0][-1].square().mean(), LAG)


def test_the_bias_of_the_lag_in_every_level():
    """Two biases are added: the one holds the number, the other zero."""
    model, report = lstm_model()
    advice = next(each for each in report.advice if each.remedy == "forget-bias")
    assert advice.number == pytest.approx(bias_that_keeps(0.1, LAG))
    exec(advice.code, {"model": model, "torch": torch})
    for level in range(2):
        b_ih, b_hh = (getattr(model, f"bias_{way}_l{level}").detach() for way in ("ih", "hh"))
        np.testing.assert_allclose(b_ih[H : 2 * H], 2.338, atol=0.001)  # f = 0.1^(1/25)
        assert not b_hh[H : 2 * H].any()
        assert b_hh[:H].all()
        assert b_hh[2 * H :].all()


def test_chrono_by_its_code_and_by_the_report():
    """ln of 1 to 2k - 1 steps in the forget gate, the negative in the input gate."""
    (by_code, report), (by_report, other) = lstm_model(), lstm_model()
    exec(report.advice[0].code, {"model": by_code, "torch": torch})
    assert other.advice[0].remedy == "chrono"
    assert other.apply() == {}
    for model in (by_code, by_report):
        for level in range(2):
            b = getattr(model, f"bias_ih_l{level}") + getattr(model, f"bias_hh_l{level}")
            forget, shut = b[H : 2 * H].detach(), b[:H].detach()
            assert ((forget >= 0) & (forget <= np.log(2 * LAG - 1))).all()
            assert forget.std() > 0.1
            np.testing.assert_allclose(shut, -forget, rtol=1e-5)


def test_a_module_without_biases_is_told_to_have_some():
    _, report = lstm_model(bias=False)
    first = report.advice[0]
    assert first.sentence.startswith("Build this LSTM with bias=True")
    assert first.code == ""
    assert not any("set b_f" in each.sentence for each in report.advice)
    built, followed = lstm_model()
    assert followed.advice[0].sentence != first.sentence
    followed.apply()
    again = bptt.diagnose(
        built, torch.randn(2 * LAG, 6, 3), lambda m, x: m(x)[0][-1].square().mean(), LAG
    )
    assert again.verdict == "steady"


def test_names_of_modules_within_modules():
    torch.manual_seed(0)
    model = nn.Sequential(nn.ModuleDict({"first": nn.GRU(3, H)}))
    x = torch.randn(2 * LAG, 6, 3)

    def loss(model, x):
        return model[0]["first"](x)[0][-1].square().mean()

    report = bptt.diagnose(model, x, loss, LAG)
    assert "model[0].first.bias_ih_l0" in report.advice[0].code
    exec(report.advice[0].code, {"model": model, "torch": torch})
    assert bptt.diagnose(model, x, loss, LAG).verdict == "steady"


def test_weights_that_are_computed_from_others_have_no_line():
    torch.manual_seed(0)
    model = nn.RNN(3, H)
    nn.utils.parametrizations.weight_norm(model, "weight_hh_l0")
    x = torch.randn(2 * LAG, 6, 3)
    report = bptt.diagnose(model, x, lambda m, x: m(x)[0][-1].square().mean(), LAG)
    (advice,) = (each for each in report.advice if each.remedy == "orthogonal")
    assert advice.code == ""


def test_what_apply_refuses():
    net = bptt.Network.init(3, H, 2, loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((60, 6, 3)).astype("f4")
    report = bptt.diagnose(net, (x, np.zeros(6, int)))
    with pytest.raises(OptionError, match=r"remedy: expected one of .*orthogonal.*got 'orthogonl'"):
        report.apply("orthogonl")
    with pytest.raises(OptionError, match="does not apply"):
        report.apply("chrono")
    steady = bptt.diagnose(net, (x, np.zeros(6, int)), needed_lag=0)
    with pytest.raises(OptionError, match="no advice here names one"):
        steady.apply()


def test_layers_of_two_kinds_each_get_their_own():
    """A remedy for gates leaves the plain layer above as it is, and the other way round."""
    rng = np.random.default_rng(0)
    below, above = bptt.LSTM.init(3, H, rng=0), bptt.RNN.init(H, H, rng=1)
    W_O = rng.standard_normal((2, H)).astype("f4")
    net = bptt.Network(bptt.Stack([below, above]), W_O, np.zeros(2, "f4"), loss_at="last")
    x = rng.standard_normal((2 * LAG, 6, 3)).astype("f4")
    report = bptt.diagnose(net, (x, rng.integers(0, 2, 6)), needed_lag=LAG)
    plain, gated = above.copy(), below.copy()
    report.apply("chrono")
    assert (below.gate("f", "b") >= 0).all()
    np.testing.assert_array_equal(above.W_R, plain.W_R)
    report.apply("identity-relu")
    np.testing.assert_array_equal(above.W_R, np.eye(H))
    np.testing.assert_array_equal(below.W_R, gated.W_R)
    with pytest.raises(OptionError, match="update-bias: expected layers whose update gate"):
        report.apply("update-bias")


@pytest.mark.parametrize("lag", [30, 150])
@pytest.mark.parametrize(("cell", "remedy"), [("lstm", "forget-bias"), ("gru", "update-bias")])
def test_the_remedy_sets_the_number_that_the_advice_says(cell, remedy, lag):
    net = bptt.Network.init(3, H, 2, cell=cell, loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((lag + 2, 4, 3)).astype("f4")
    report = bptt.diagnose(net, (x, np.zeros(4, int)), needed_lag=lag)
    advice = next(each for each in report.advice if each.remedy == remedy)
    report.apply(remedy)
    carry = net.layer.gate(net.layer.cell.carry_gate, "b")
    np.testing.assert_allclose(carry, advice.number, rtol=1e-6)
    np.testing.assert_allclose(carry, {30: 2.5285, 150: 4.1689}[lag], atol=1e-4)


def test_a_gated_cell_is_named_with_the_bias_for_the_lag():
    net = bptt.Network.init(3, H, 2, loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((302, 4, 3)).astype("f4")
    report = bptt.diagnose(net, (x, np.zeros(4, int)), needed_lag=150)
    (gru,) = (each for each in report.advice if each.remedy == "gru")
    assert gru.number == pytest.approx(4.1689, abs=1e-4)
    assert "Replace this cell with a GRU, with b_z at 4.17" in gru.sentence
    names = {"report": report}
    exec(gru.code, names)
    replaced = names["model"].layer
    np.testing.assert_allclose(replaced.gate("z", "b"), gru.number, rtol=1e-6)
    assert bptt.diagnose(names["model"], (x, np.zeros(4, int)), needed_lag=150).verdict == "steady"
    assert net.layer.kind == "rnn"  # a copy
