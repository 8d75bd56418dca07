"""A gradient that is exactly zero reaches nowhere: no lag holds 95 % of nothing."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import bptt
from bptt.configuration import Configuration
from bptt.report.numbers import numbers
from bptt.report.plain_words import key_numbers
from bptt.report.sentences import headline
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.point import measured


def report(b=0.0, activation="tanh"):
    """States that stay at zero, W_R = 1/2: a signal that halves, and G_k = 0 since every h is."""
    layer = bptt.RNN(np.eye(4), 0.5 * np.eye(4), np.full(4, b), activation)
    net = bptt.Network(layer, np.ones((1, 4)), np.zeros(1), loss="mse", loss_at="every")
    return bptt.diagnose(net, (np.zeros((20, 2, 4)), np.ones((20, 2, 1))))


def shown(report):
    out = StringIO()
    Console(width=200, file=out).print(report)
    return out.getvalue()


CASES = pytest.mark.parametrize(
    "case", [{}, {"b": -9.0, "activation": "relu"}], ids=["h = 0", "off"]
)


@CASES
def test_it_has_no_horizon(case):
    measured = report(**case)
    layer = measured.layers["rnn.0"]
    assert (layer.horizon, measured.horizon, layer.profile.horizon(0.5)) == (None, None, None)
    assert np.isnan(layer.profile.cumulative).all()
    document = json.loads(measured.to_json())["stages"]["measured"]["layers"]["rnn.0"]
    assert document["horizon"] is None


@CASES
def test_it_is_said_in_words(case):
    measured = report(**case)
    layer = measured.layers["rnn.0"]
    assert headline(layer).endswith("The gradient of W_R is exactly zero.")
    assert key_numbers(measured.stages())[0][1:] == (
        "nowhere", "The gradient of the recurrent weights is exactly zero.",
    )  # fmt: skip
    rows = dict(numbers(measured.diagnosis, layer))
    assert rows["horizon, 95 % of Σ‖G_k‖ (lags)"] == "none"
    assert rows["cancellation Σ‖G_k‖ / ‖dW_R‖"] == "-"
    for text in (shown(measured), measured.html()):
        assert "exactly zero" in text
        assert "95 % of the gradient" not in text
        assert "nan" not in text.split("<script")[0]


def test_the_signal_is_still_judged():
    """It halves at every step, whatever the states are."""
    layer = report().layers["rnn.0"]
    assert (layer.verdict, layer.cause.name) == ("vanishing", "weights")
    assert layer.rate == pytest.approx(np.log(0.5))


def test_a_gradient_that_is_not_zero_keeps_its_horizon():
    layer = bptt.RNN(np.eye(1), 0.5 * np.eye(1), np.zeros(1), "identity")
    profile = bptt.by_lag(layer.forward(np.ones((30, 1, 1))), np.ones((30, 1, 1)))
    assert profile.horizon() == 4  # 1 - 2^-5 = 0.969 and 1 - 2^-4 = 0.938, of a sum close to 2


def test_a_point_of_a_sweep_has_none():
    off = Configuration(activation="relu", bias=-50.0, hidden=4, batch=2, length=12)
    row = measured(Point(off))
    assert row["status"] == "ok"
    assert row["horizon"] is None


def test_the_monitor_logs_none():
    torch = pytest.importorskip("torch")
    model, lines = torch.nn.RNN(2, 4, bias=False), []
    x = torch.zeros(12, 3, 2)  # all states are zero
    monitor = bptt.Monitor(model, x, lambda model, x: model(x)[0].sum(), log=lines.append)
    model(x)[0].sum().backward()
    monitor.step()
    assert lines[0]["bptt/rnn.0/horizon"] is None
    assert lines[0]["bptt/rnn.0/weight_gain"] is not None


def test_a_direction_read_at_its_own_first_step_has_none():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.GRU(3, 4, bidirectional=True)
    measured = bptt.diagnose(model, torch.randn(20, 4, 3), lambda m, x: m(x)[0][-1].square().mean())
    assert measured.layers["gru.0.backward"].horizon is None
    assert measured.layers["gru.0.forward"].horizon > 0
