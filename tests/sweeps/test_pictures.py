"""Maps and curves: what is drawn is what was measured."""

import io

import numpy as np
import pytest

pytest.importorskip("altair")
import altair as alt

pytest.importorskip("PIL")

from PIL import Image

import bptt
from bptt.configuration import Configuration
from bptt.errors import OptionError
from bptt.sweeps import Sweep
from bptt.sweeps.maps import sentences
from bptt.sweeps.maps.charts import MEASURED, SCATTERED, THEORY
from bptt.sweeps.maps.encodings import DIVERGING, MISSING
from bptt.sweeps.maps.grid import grid
from bptt.sweeps.point.rows import COLUMNS

SMALL = Configuration(init="gaussian", hidden=16, length=40)


@pytest.fixture(scope="module")
def swept():
    """Gain, input variance, two seeds; one gain cannot be measured."""
    axes = {"gain": [0.5, 1, 1.5, 2, 2.5, 1e300], "input_variance": [0.1, 0.5, 1], "seed": [0, 1]}
    found = bptt.sweep(axes, base=SMALL, engine="threads", workers=1)
    assert found.failed == 6
    return found


def without_failures(swept):
    return Sweep([row for row in swept.rows() if row["gain"] < 1e9])


def layers(chart):
    return chart.to_dict()["layer"]  # validated by Altair against the schema of Vega-Lite


def of_mark(chart, mark):
    return [part for part in layers(chart) if part["mark"]["type"] == mark]


def rows_of(chart, part):
    return (part.get("data") or chart.to_dict()["data"])["values"]


def test_cells_are_means_over_seeds(swept):
    chart = swept.phase_diagram()
    (cells,) = of_mark(chart, "rect")
    found = {(row["i"], row["j"]): row["v"] for row in rows_of(chart, cells)}
    assert len(found) == 15
    for i, gain in enumerate([0.5, 1, 1.5, 2, 2.5]):
        for j, variance in enumerate([0.1, 0.5, 1]):
            both = [
                row["lyapunov"] for row in swept.rows()
                if (row["gain"], row["input_variance"]) == (gain, variance)
            ]  # fmt: skip
            assert len(both) == 2
            assert found[i, j] == pytest.approx(sum(both) / 2, rel=1e-3)


def test_failures_are_crosses_and_never_zero(swept):
    chart = swept.phase_diagram()
    (crosses,) = of_mark(chart, "point")
    assert [(row["i"], row["j"]) for row in rows_of(chart, crosses)] == [(5, 0), (5, 1), (5, 2)]
    assert crosses["encoding"]["shape"]["scale"]["domain"] == [MISSING]


def test_a_point_without_a_number_is_a_cross():
    rows = bptt.sweep(
        {"gain": [0.5, 1], "length": [12, 40]}, base=SMALL, engine="threads", workers=1
    )  # exponents of sequences shorter than 20 steps are not measured
    drawn = grid(rows.rows())
    assert np.isnan(drawn.panels[0].mean[0]).all()
    assert np.isfinite(drawn.panels[0].mean[1]).all()


def test_zero_is_white_in_the_middle(swept):
    (cells,) = of_mark(swept.phase_diagram(), "rect")
    scale = cells["encoding"]["color"]["scale"]
    assert scale["range"] == DIVERGING
    assert scale["domain"][len(DIVERGING) // 2] == 0
    assert scale["domain"] == [-value for value in scale["domain"][::-1]]
    (cells,) = of_mark(swept.phase_diagram(colour="horizon"), "rect")
    assert cells["encoding"]["color"]["scale"]["scheme"] == "viridis"


def test_both_lines_are_named(swept):
    chart = without_failures(swept).phase_diagram()
    line = of_mark(chart, "line")[-1]
    assert line["encoding"]["strokeDash"]["scale"]["domain"] == [MEASURED, THEORY]
    theory = [row for row in rows_of(chart, line) if row["line"] == THEORY]
    assert not {row["l"] for row in theory} & {
        row["l"] for row in rows_of(chart, line) if row["line"] == MEASURED
    }
    gains = [row["x"] for row in sorted(theory, key=lambda row: row["y"])]
    assert gains == sorted(gains)
    assert gains[0] == pytest.approx(1.409, abs=1e-3)
    assert gains[-1] == pytest.approx(1.856, abs=1e-3)
    others = Sweep([row | {"init": "identity"} for row in without_failures(swept).rows()])
    line = of_mark(others.phase_diagram(), "line")[-1]
    assert line["encoding"]["strokeDash"]["scale"]["domain"] == [MEASURED]


def test_one_field_is_a_curve_with_a_band(swept):
    one = Sweep([row for row in without_failures(swept).rows() if row["input_variance"] == 0.5])
    chart = one.phase_diagram()
    (band,) = of_mark(chart, "area")
    for row in rows_of(chart, band):
        both = [r["lyapunov"] for r in one.rows() if r["gain"] == row["x"]]
        assert row["low"] == pytest.approx(min(both), rel=1e-3)
        assert row["high"] == pytest.approx(max(both), rel=1e-3)
    assert len(of_mark(chart, "line")) == 2  # mean field's too


def test_names_become_small_multiples(swept):
    two = Sweep([row | {"cell": cell} for cell in ("rnn", "gru") for row in swept.rows()])
    chart = two.phase_diagram().to_dict()
    assert [part["title"] for part in chart["concat"]] == ["cell gru", "cell rnn"]
    assert "layer" in two.phase_diagram(split=()).to_dict()
    assert len(two.phase_diagram(y="cell").to_dict()["layer"]) > 1  # or an axis, if asked


def test_of_many_pictures_the_extremes_are_told():
    """Three cells, one number each: the smallest and the largest, and where they are."""
    rates = {"rnn": -0.5, "lstm": 0.25, "gru": 0.0}
    rows = [
        dict.fromkeys(COLUMNS) | {"cell": cell, "gain": gain, "status": "ok", "rate": rate * gain}
        for cell, rate in rates.items()
        for gain in (1.0, 2.0)
    ]
    assert sentences.finding(grid(rows, measure="rate")) == (
        "From -1 (cell rnn, gain 2) to 0.5 (cell lstm, gain 2)."
    )


def test_samples_are_dots(swept):
    rng = np.random.default_rng(0)
    rows = without_failures(swept).rows()
    sample = [
        rows[0] | {"gain": float(g), "input_variance": float(v)} for g, v in rng.random((60, 2))
    ]
    chart = Sweep(sample).phase_diagram()
    (dots,) = of_mark(chart, "circle")
    assert [row["x"] for row in rows_of(chart, dots)] == [row["gain"] for row in sample]
    many = [
        rows[0] | {"gain": float(g), "input_variance": float(v)} for g, v in rng.random((9000, 2))
    ]
    chart = Sweep(many).phase_diagram()
    assert len(rows_of(chart, of_mark(chart, "circle")[0])) == SCATTERED


def test_infinite_values_are_called_so(swept):
    rows = without_failures(swept).rows()
    rows = [row | {"log10_attenuation": -np.inf} if row["gain"] == 0.5 else row for row in rows]
    chart = Sweep(rows).phase_diagram(colour="log10_attenuation")
    cells = rows_of(chart, of_mark(chart, "rect")[0])
    assert {row.get("w") for row in cells if row["i"] == 0} == {"−∞"}
    assert all(np.isfinite(row["v"]) for row in cells)


def test_solved_is_a_part_of_the_networks(swept):
    rows = [row | {"solved": row["seed"]} for row in without_failures(swept).rows()]
    chart = Sweep(rows).phase_diagram(colour="solved")
    assert {row["v"] for row in rows_of(chart, of_mark(chart, "rect")[0])} == {0.5}


def test_equal_ratios_get_a_log_axis():
    rows = bptt.sweep(
        {"hidden": "log:4:32:4", "gain": [0.5, 1]}, base=SMALL, engine="threads", workers=1
    ).rows()
    drawn = grid(rows)
    assert (drawn.x.kind, drawn.y.kind) == ("linear", "log")
    np.testing.assert_allclose(
        drawn.y.edges()[1:-1], [4 * 2**0.5, 8 * 2**0.5, 16 * 2**0.5], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"x": "hidden"}, "x: expected a field that was varied: gain, input_variance, seed"),
        ({"colour": "beauty"}, "colour: expected one of lyapunov"),
        ({"colour": "verdict"}, "colour: expected one of lyapunov"),
        ({"x": "gain", "y": "gain"}, "different fields"),
        ({"split": "cell"}, "split: expected a field that was varied"),
    ],
)
def test_bad_input(swept, asked, said):
    with pytest.raises(OptionError, match=said):
        swept.phase_diagram(**asked)


def test_nothing_varied():
    one = bptt.sweep({"gain": 1}, base=SMALL, engine="threads", workers=1)
    with pytest.raises(OptionError, match="a field that was varied"):
        one.phase_diagram()


def test_pictures_are_saved(swept, tmp_path):
    svg = swept.save(tmp_path / "map.svg").read_text()
    assert svg.startswith("<svg")
    assert MEASURED in svg
    image = Image.open(io.BytesIO(swept.save(tmp_path / "map.png", colour="horizon").read_bytes()))
    assert image.width > 1200
    colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert (68, 1, 84) in colours  # viridis begins there
    assert isinstance(swept.phase_diagram(), alt.LayerChart)
