"""Figures as files: from the page, from Python, on paper."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("altair")
pytest.importorskip("PIL")

from PIL import Image

import bptt
from bptt.report.figures import figures
from tests.report.conftest import random_case

NAMES = ["by_lag", "memory", "shares", "gains", "loss_steps", "errors", "truncation", "lyapunov"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_saves_every_chart(report, visit, tmp_path, scheme):
    """By keyboard and offline; always dark on white, with its heading, and no colour that only the page knows."""
    seen = visit(report.save(tmp_path / "report.html"), scheme)
    page = seen.page
    page.context.set_offline(True)
    for key in NAMES if scheme == "dark" else NAMES[:1]:
        for kind in ("svg", "png"):
            button = page.locator(f"[data-of=chart-rnn-0-{key}][data-save={kind}]")
            with page.expect_download() as waiting:
                button.press("Enter")
            assert waiting.value.suggested_filename == f"rnn-0-{key}.{kind}"
            file = tmp_path / f"{key}.{kind}"
            waiting.value.save_as(file)
            if kind == "svg":
                root = ET.parse(file).getroot()
                assert root.tag == f"{SVG}svg"
                assert "var(--" not in file.read_text()
                heading = page.inner_text(f"#chart-rnn-0-{key}-heading")
                assert heading in [text.text for text in root.iter(f"{SVG}text")]
            else:
                with Image.open(file) as image:
                    assert image.size[0] > 2000  # three pixels to a point
                    assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
                    assert len(image.convert("L").getcolors()) > 20
    assert [url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert seen.complaints == []


def test_from_python(report, tmp_path):
    assert list(report.charts) == NAMES
    assert set(NAMES) <= set(dir(report.charts))
    for name in NAMES:
        getattr(report.charts, name).save(tmp_path / f"{name}.svg")
        assert ET.parse(tmp_path / f"{name}.svg").getroot().tag == f"{SVG}svg"
    report.charts.by_lag.save(tmp_path / "by_lag.png")
    with Image.open(tmp_path / "by_lag.png") as image:
        assert image.size[0] > 680
    report.charts["rnn.0"].shares.save(tmp_path / "shares.png")
    assert (tmp_path / "shares.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "by_lag.svg").read_text()
    assert "Gradient by lag" in text
    assert f"horizon {report.horizon}" in text


def test_the_charts_keep_to_the_schema(report):
    """The page leaves this check out, for its time."""
    for name in report.charts:
        getattr(report.charts, name).to_dict(validate=True)


def test_the_layer_that_decides():
    net, batch = random_case(0, cell="lstm", layers=2)
    report = bptt.diagnose(net, batch)
    decisive = report.diagnosis.decisive
    assert list(report.charts) == [*NAMES[:4], "carry", *NAMES[4:]]
    for name, layer in (
        (None, decisive),
        ("lstm.0", report.layers["lstm.0"]),
        ("lstm.1", report.layers["lstm.1"]),
    ):
        charts = report.charts if name is None else report.charts[name]
        spec = charts.carry.to_dict()
        rows = spec["datasets"][spec["data"]["name"]]
        share = [row["value"] for row in rows if row["of"] == "share"]
        wanted = layer.profile.carry_share[np.isfinite(layer.profile.carry_share)]
        assert share == pytest.approx(wanted, abs=6e-5)


def test_names_that_are_not_there(report):
    with pytest.raises(AttributeError, match=r"no 'bylag'\. It has by_lag, memory, shares"):
        _ = report.charts.bylag
    with pytest.raises(AttributeError):  # a plain RNN has no carry at all
        _ = report.charts.carry
    with pytest.raises(
        bptt.errors.OptionError, match=r"layer: expected one of rnn\.0, got 'rnn\.1'"
    ):
        _ = report.charts["rnn.1"]
    assert "carry" not in report.charts
    assert not hasattr(report.charts, "carry")
    assert repr(report.charts).startswith("Charts(by_lag, memory")


def test_a_single_loss_step_has_no_chart_of_loss_steps():
    net, (x, targets) = random_case(0, loss_at="last")
    assert "loss_steps" not in bptt.diagnose(net, (x, targets[-1])).charts
    net, batch = random_case(0)
    assert "loss_steps" in bptt.diagnose(net, batch).charts


def test_nothing_to_draw_says_why():
    net, batch = random_case(0, activation="relu")
    net.layer.b[:] = -100
    report = bptt.diagnose(net, batch)
    with pytest.raises(bptt.errors.OptionError, match=r"nothing\. The reason: every value is zero"):
        _ = report.charts.by_lag
    assert "by_lag" not in list(report.charts)
    for name in report.charts:
        getattr(report.charts, name).to_dict()


def test_remedies(tmp_path):
    net, batch = random_case(0)
    report = bptt.diagnose(net, batch, needed_lag=12)
    tried = report.try_remedies(progress=False, budget=0, only=["orthogonal", "activation"])
    assert list(tried.charts) == ["gradients", "memories"]
    tried.charts.gradients.save(tmp_path / "gradients.svg")
    assert "orthogonal" in (tmp_path / "gradients.svg").read_text()
    assert re.search(
        r"At lag 12 the unchanged model has [\d.e-]+", tried.charts.gradients.description
    )
    with pytest.raises(bptt.errors.OptionError, match="nothing was trained"):
        _ = tried.charts.race


def test_paper(visit, tmp_path):
    """As PDF: what Chromium's outline says of where each figure begins, and that it ends on the same page."""
    net, batch = random_case(0, cell="lstm", layers=2)
    seen = visit(bptt.diagnose(net, batch).save(tmp_path / "report.html"), "dark")
    page = seen.page
    page.locator("details.layer > summary").press("Enter")
    page.wait_for_function("document.body.dataset.drawn > 14")
    pdf = page.pdf(format="A4", outline=True, tagged=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    (tmp_path / "report.pdf").write_bytes(pdf)
    pages = len(re.findall(rb"/Type /Page\b", pdf))
    assert 3 <= pages <= 20
    starts = re.findall(rb"/Title \(([^\n]*)\)\n/Dest \[(\d+) 0 R /XYZ \S+ ([\d.]+) 0\]", pdf)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 1009})  # A4 without 15 mm each side, at 96 dpi
    heights = page.eval_on_selector_all(
        "figure",
        """all => all.map(f => { const h = f.querySelector("h2,h3");
        return [h.innerText, f.getBoundingClientRect().bottom - h.getBoundingClientRect().top] })""",
    )
    placed = [(t.decode("latin1"), float(y)) for t, _, y in starts]
    assert len(heights) > 10
    bottom = 15 / 25.4 * 72
    for heading, height in heights:
        at = next(i for i, (title, _) in enumerate(placed) if title == heading)
        _, y = placed.pop(at)
        assert y - height * 0.75 >= bottom - 3, (
            heading
        )  # points to a pixel; a line's leading is let pass
    # light, although the system is dark; nothing that paper cannot do
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    stroke = page.locator("#chart-lstm-0-gains .mark-line path").first
    assert stroke.evaluate("e => getComputedStyle(e).stroke") == "rgb(0, 114, 178)"
    for selector in (".tools", ".skip", "figure details"):
        assert not any(each.is_visible() for each in page.locator(selector).all())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for svg in page.locator("svg.marks").all():
        assert svg.bounding_box()["x"] + svg.bounding_box()["width"] <= 681


def test_figures_have_findings_and_tables_in_every_case(report):
    """Also where the data are thin: one step of past, no exponents, a K beyond the lags that were computed."""
    rng = np.random.default_rng(0)
    net = bptt.Network.init(2, 4, 3, rng=rng, cell="gru")
    short = bptt.diagnose(net, (rng.normal(size=(2, 1, 2)).astype("f4"), np.array([[0], [1]])))
    batch = rng.normal(size=(30, 2, 2)).astype("f4"), rng.integers(3, size=(30, 2))
    cut = bptt.diagnose(net, batch, needed_lag=2, max_lag=3)
    for each in (short, cut, report):
        for name, layer in each.layers.items():
            for figure in figures(
                [("measured", layer)], None, [("measured", each.diagnosis.memory)]
            ):
                if figure.chart is not None:
                    assert figure.finding.endswith("."), (name, figure.key)
                    assert all(len(row) == len(figure.table.heads) for row in figure.table.rows)
                    assert 0 < len(figure.table.rows) < 20
        each.html()


def test_an_axis_with_a_single_value_reads_as_a_number(tmp_path):
    """A loss at the first step alone has one lag, and the axis one tick: no whole power of ten."""
    layer = bptt.RNN.init(2, 6, rng=0, dtype="float64")
    readout = np.full((1, 6), 0.3)
    network = bptt.Network(layer, readout, np.zeros(1), "mse", loss_at=[0])
    h0 = np.random.default_rng(2).standard_normal((4, 6))
    x = np.random.default_rng(1).standard_normal((12, 4, 2))
    report = bptt.diagnose(network, (x, np.zeros((1, 4, 1)), h0))
    file = tmp_path / "by_lag.svg"
    report.charts.by_lag.save(file)
    ticks = re.findall(r">(1e[^<]*|[0-9.]+e[^<]*)<", file.read_text())
    assert ticks
    assert all(re.fullmatch(r"1e-?\d+|\d\.\de[-+−]\d+", tick) for tick in ticks), ticks
