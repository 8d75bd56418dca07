"""What the pictures draw and say at the edges of what can be measured: nothing is NaN, and every row can be sent."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("marimo")


from bptt.configuration import Configuration
from bptt.lab import pictures
from bptt.lab.card import Card
from bptt.lab.controls import resting
from bptt.lab.measured import measure, report_of
from bptt.lab.scalar import unrolled

EDGES = {
    "no exponent": {"length": 12},
    "no signal passes W_R": {"gain": 0.0},
    "no input and no state": {"gain": 0.0, "input_variance": 0.0},
    "no state, so no gradient of W_R": {"input_variance": 0.0},
    "overflow of the gradient": {"activation": "identity", "gain": 2.2},
    "relu": {"activation": "relu", "gain": 0.1, "length": 300},
    "identity W_R": {"init": "identity"},
    "gru": {"cell": "gru", "gain": 3.0, "hidden": 4},
    "lstm without W_R": {"cell": "lstm", "gain": 0.0},
    "text": {"data": "text", "length": 20},
}


def at(**changes):
    return measure(Configuration(**{"input_variance": 0.5, "hidden": 16, **changes}).build())


@pytest.fixture(params=EDGES, scope="module")
def edge(request):
    return at(**EDGES[request.param])


@pytest.mark.parametrize("picture", pictures.OF_NETWORK, ids=lambda picture: picture.key)
def test_rows_are_numbers_and_the_sentence_has_no_nan(edge, picture):
    json.dumps(picture.rows(edge), allow_nan=False)
    said = picture.sentence(edge)
    assert len(said) > 30
    assert not re.search(r"\b(nan|inf|None)\b", said, re.IGNORECASE), said


def test_a_chart_names_the_data_that_its_rows_fill(edge):
    for picture in pictures.OF_NETWORK:
        asked = set(re.findall(r'"data": \{"name": "(\w+)"\}', json.dumps(picture.spec(edge))))
        assert asked == set(picture.rows(edge)), picture.key


def plain(node):
    """A part of a chart without its fonts, which the page sets for all of its charts."""
    if isinstance(node, list):
        return [plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: plain(value) for key, value in node.items() if not key.lower().endswith("font")}
    return {
        key: value for key, value in kept.items() if key not in ("axis", "legend") or value != {}
    }


def drawn(spec):
    """(mark, channels) of every layer, without the note of the live page and what an empty picture needs."""
    spec = plain(spec)
    layers = spec.get("layer", [spec])
    flat = [each for layer in layers for each in (drawn(layer) if "layer" in layer else [layer])]
    return [
        each if isinstance(each, tuple) else (each["mark"], each["encoding"])
        for each in flat
        if isinstance(each, tuple) or each["mark"]["type"] != "text"
    ]


def test_the_live_page_and_the_report_draw_the_same_pictures():
    """The same marks, axes, colours and dashes; the report's charts hold their rows, the live ones are fed."""
    shown = at(length=60)
    report = report_of(shown, Configuration())
    for picture, chart in (("exponents", "lyapunov"), ("truncation", "truncation")):
        live = getattr(pictures, picture).spec(shown)
        held = getattr(report.charts, chart).to_dict()
        assert drawn(live) == drawn(held)
        assert live["width"] == held["width"]
        assert "values" not in json.dumps(live)
    curve, held = (
        drawn(spec)[0] for spec in (pictures.by_lag.spec(shown), report.charts.by_lag.to_dict())
    )
    assert curve[0] == held[0]
    assert curve[1]["x"] == held[1]["x"]
    assert curve[1]["y"]["axis"] == held[1]["y"]["axis"]


def test_too_few_steps_for_an_exponent():
    shown = at(length=12)
    assert pictures.exponents.rows(shown)["exponents"] == []
    assert "too short" in pictures.exponents.sentence(shown)


def test_without_W_R_lag_0_is_everything():
    shown = at(gain=0.0)
    rows = pictures.by_lag.rows(shown)
    assert {row["label"] for row in rows["marks"]} == {"horizon 0", "needed lag 50"}
    assert [row["lag"] for row in rows["lines"] if "W_R, product" in row["of"]] == [0]
    sizes = [row["size"] for row in pictures.sequence.rows(shown)["steps"]]
    assert sizes[-1] == 1
    assert sum(sizes) == 1
    assert "No error is carried back" in pictures.factors.sentence(shown)


def test_a_label_near_the_end_of_the_axis_stands_before_its_rule():
    sides = {
        row["mark"]: row["side"]
        for row in pictures.by_lag.rows(at(data="permutation", length=40))["marks"]
    }
    assert sides == {"horizon": "right", "needed lag": "left"}


def test_without_states_there_is_no_gradient_to_draw():
    shown = at(input_variance=0.0)
    assert np.all(shown.trace.h == 0)
    assert not [r for r in pictures.by_lag.rows(shown)["lines"] if "gradient" in r["of"]]
    assert pictures.truncation.rows(shown)["lines"] == []
    assert "zero" in pictures.truncation.sentence(shown)


def test_a_gated_cell_has_a_row_for_its_carry():
    shown = at(cell="gru")
    rows = pictures.factors.rows(shown)["cells"]
    assert {row["of"] for row in rows} == {"W_R", "slopes", "carry", "together"}
    z = shown.trace.saved  # the update gate is what carries: its mean is near the carry's factor
    assert z.shape[-1] >= 2 * 16
    carry = np.exp([row["value"] for row in rows if row["of"] == "carry"])
    assert 0 < carry.min() <= carry.max() < 1


def test_an_orthogonal_W_R_has_no_eigenvalue_outside_the_circle():
    assert "0 lie outside" in pictures.plane.sentence(at())
    outside = int((np.abs(np.linalg.eigvals(at(gain=1.1).W_R)) > 1).sum())
    assert outside == 16
    assert "16 lie outside" in pictures.plane.sentence(at(gain=1.1))


def test_the_terms_that_are_said_add_up():
    inputs = np.random.default_rng(0).standard_normal(20)
    said = pictures.terms.sentence(unrolled(1, 0.9, 0, inputs, 3))
    terms = [float(value) for value in re.findall(r"(?:lag \d|rest): (-?[\d.e-]+\d)", said)]
    assert len(terms) == 4
    assert sum(terms) == pytest.approx(float(re.search(r"Together (\S+)\.$", said)[1]), abs=0.02)


def test_the_card_says_whose_network_it_is_and_what_rests():
    card, setting = Card(), Configuration(cell="gru", data="adding", hidden=16, length=40)
    shown = measure(setting.build())
    card.busy = True
    card.show(shown, "your file <b>.safetensors on adding", resting(setting, True))
    assert not card.busy
    assert "your file &lt;b&gt;.safetensors on adding: gru, 16 units, 40 steps" in card.words
    assert (
        "gain, input strength, activation, initial W_R, cell, hidden units, bias, loss at step"
        in (card.words)
    )
    card.show(shown, "the sliders' network on adding", resting(setting, False))
    assert "Without effect: activation, loss at step." in card.words
    card.show(shown, "the sliders' network on noise", resting(Configuration(), False))
    assert "Without effect" not in card.words
    card.refuse("No <such> thing.")
    assert card.tone == "error"
    assert "No &lt;such&gt; thing." in card.words
