"""Reports of several seeds side by side: the numbers, the figure, the command, what is refused."""

import json

import numpy as np
import pytest

import bptt
from bptt.errors import BpttError, FileError, OptionError
from tests.cli.command import bptt as command

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def reports():
    x = np.random.default_rng(0).standard_normal((40, 4, 3)).astype("float32")

    def report(scheme, seed):
        network = bptt.Network.init(3, 12, 2, scheme=scheme, loss_at="last", rng=seed)
        return bptt.diagnose(network, (x, np.zeros(4, int)), progress=False)

    return {name: [report(name, seed) for seed in range(4)] for name in ("orthogonal", "pytorch")}


def test_middle_and_band_are_those_of_the_runs(reports):
    curves = np.array([r.layers["rnn.0"].profile.log10_norm for r in reports["pytorch"]])
    curves = curves[:, np.isfinite(curves).all(0)]
    for band, expected in {
        "quartiles": [np.quantile(curves, q, axis=0) for q in (0.5, 0.25, 0.75)],
        "range": [np.median(curves, axis=0), curves.min(0), curves.max(0)],
        "stderr": [curves.mean(0) + s * curves.std(0, ddof=1) / 2 for s in (0, -1, 1)],
    }.items():
        frame = bptt.compare(reports, band=band).to_frame("pandas")
        own = frame[frame.group == "pytorch"]
        for column, wanted in zip(("middle", "low", "high"), expected, strict=True):
            np.testing.assert_allclose(own[column][: len(wanted)], wanted, rtol=1e-12)
        assert (own["middle"][len(wanted) :] == -np.inf).all()  # no gradient at all at these lags


def test_a_saved_report_is_as_good_as_the_report(reports, tmp_path):
    files = {
        name: [str(r.save(tmp_path / f"{name}{n}.json")) for n, r in enumerate(several)]
        for name, several in reports.items()
    }
    for what in ("log10_norm", "share", "gain", "bias_chunks", "cumulative"):
        here, there = bptt.compare(reports, what).table(), bptt.compare(files, what).table()
        for column in ("middle", "low", "high"):
            np.testing.assert_allclose(here.values[column], there.values[column], rtol=1e-12)
    assert bptt.compare(files).numbers() == bptt.compare(reports).numbers()


def test_a_run_without_a_gradient_has_no_curve_and_no_error(reports, tmp_path):
    network = bptt.Network.init(3, 4, 2, activation="relu", loss_at="last", rng=0)
    network.body.b[:] = -100
    dead = bptt.diagnose(network, (np.ones((40, 1, 3), "float32"), np.zeros(1, int)), progress=False)  # fmt: skip
    compared = bptt.compare({"dead": [dead, dead], "alive": reports["pytorch"][0]})
    assert compared.numbers()[0][2] == "-"
    saved = bptt.compare({"dead": dead.save(tmp_path / "dead.json")}, "cumulative")
    assert np.isnan(saved.groups["dead"][0].curve("cumulative")).all()
    assert {row["of"] for row in compared.chart.to_dict()["layer"][1]["data"]["values"]} == {"alive"}  # fmt: skip


def test_seven_groups_are_drawn_in_colours_that_are_told_apart(reports, tmp_path):
    """Not in those of a map, of which there are seven too."""
    from bptt.presentation.series import COLOURS

    groups = {f"g{n}": reports["pytorch"][0] for n in range(7)}
    drawn = bptt.compare(groups).save(tmp_path / "seven.svg").read_text().lower()
    assert [colour for colour in COLOURS[:7] if colour.lower() not in drawn] == []


@pytest.mark.needs("rich")
@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ["orthogonal", "orthogonal, gain 1.1 (128 units), seeds 0 to 9"])
def test_the_table_breaks_no_cell_of_it(reports, width, name):
    import io

    from rich.console import Console

    given = {
        name: reports["orthogonal"],
        "pytorch": reports["pytorch"],
        "one": reports["pytorch"][0],
    }
    compared, out = bptt.compare(given), io.StringIO()
    Console(file=out, width=width).print(compared)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith(name) for line in lines) == 1
    for row in compared.numbers():
        for cell in row[1:]:
            for part in cell.removesuffix(")").split(" ("):
                assert any(part in line for line in lines), part


@pytest.mark.needs("typer", "pypdfium2")
def test_the_command_writes_a_figure_of_one_column(reports, tmp_path):
    import pypdfium2

    for name, several in reports.items():
        for n, report in enumerate(several[:2]):
            report.save(tmp_path / f"{name}{n}.json")
    done = command(
        "compare", "orthogonal=orthogonal0.json,orthogonal1.json", "pytorch0.json", "--out", "a.pdf", cwd=tmp_path,
    )  # fmt: skip
    assert "orthogonal  2" in done.stdout
    assert "Band: quartiles, 25 % to 75 %." in done.stdout
    (page,) = pypdfium2.PdfDocument(tmp_path / "a.pdf")
    assert np.allclose(np.array(page.get_size())[0] * 25.4 / 72, 88, atol=0.4)
    text = page.get_textpage().get_text_range()
    assert "median; quartiles" in text
    assert "pytorch0" in text
    listed = command("compare", "pytorch0.json", "--what", "share", "--json", cwd=tmp_path)
    assert json.loads(listed.stdout)["what"] == "share"
    wrong = command("compare", "a=pytorch0.json", "a=pytorch1.json", cwd=tmp_path, code=2)
    assert wrong.stderr.count("\n") == 1
    assert "'a' twice" in wrong.stderr


def test_what_is_wrong_is_one_error(reports, tmp_path):
    report = reports["pytorch"][0]
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "none.json").write_text("{")
    for given, words in (
        ([report], "a dict"), ({}, "at least one group"), ({"a": []}, "Leave the group out"), ({"a": 3}, "a report"),
        ({str(n): report for n in range(9)}, "at most 8"), ({"a": str(tmp_path / "gone.json")}, "no such file"),
        ({"a": tmp_path / "other.json"}, "other JSON"), ({"a": tmp_path / "none.json"}, "no JSON"),
    ):  # fmt: skip
        with pytest.raises(BpttError, match=words):
            bptt.compare(given)
    for options, words in (
        ({"what": "norm"}, "log10_norm"), ({"band": "sd"}, "quartiles"), ({"layer": "lstm.0"}, "one of rnn.0"),
        ({"stage": "after training"}, "one of measured"), ({"what": "carry_gain"}, "no such curve"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=words):
            bptt.compare({"a": report}, **options)
    compared = bptt.compare({"a": report})
    with pytest.raises(OptionError, match="They are of a figure"):
        compared.save(tmp_path / "a.csv", width="one")
    with pytest.raises(OptionError, match="two"):
        compared.save(tmp_path / "a.pdf", width="three")
    with pytest.raises(FileError):
        compared.save(tmp_path / "nowhere" / "a.svg")
