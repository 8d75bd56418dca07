"""The page for who cannot see it, sees colours otherwise, or has no mouse."""

import itertools
import re

import numpy as np
import pytest

pytest.importorskip("altair")


import bptt
from bptt.presentation.colours import BLUE, GREEN, GREY, NAMES, ORANGE
from bptt.report.said_once import layers_in_order
from tests.report.conftest import random_case

TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, level AA: 1.4.3 and 1.4.11


@pytest.fixture
def path(report, tmp_path):
    return report.save(tmp_path / "report.html")


def linear(colour):
    """(3,) light of a hex colour, by the sRGB curve."""
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one, two):
    """WCAG 2's ratio."""
    light, dark = sorted(float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (one, two))[::-1]
    return (light + 0.05) / (dark + 0.05)


def palette(page):
    """{name: hex} of every colour the page names."""
    found = page.evaluate(
        """() => [...document.styleSheets].flatMap(s => [...s.cssRules]).flatMap(r => [r, ...(r.cssRules || [])])
        .flatMap(r => r.style ? [...r.style] : []).filter(n => n.startsWith("--") && n != "--tone")
        .map(n => [n.slice(2), getComputedStyle(document.documentElement).getPropertyValue(n).trim()])"""
    )
    return dict(found)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)  # WebAIM's example


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(path, visit, scheme):
    page = visit(path, scheme).page
    colours = palette(page)
    assert set(colours) > {"text", "soft", "ground", "panel", *NAMES.values()}
    for ground in ("ground", "panel"):
        for name in ("text", "soft", "vanishing", "exploding", "steady"):
            assert contrast(colours[name], colours[ground]) >= TEXT, (name, ground)
        assert contrast(colours["focus"], colours[ground]) >= SHAPE
        assert contrast(colours["edge"], colours[ground]) >= SHAPE
    for name in NAMES.values():
        assert contrast(colours[name], colours["ground"]) >= SHAPE, name
    if scheme == "light":
        assert all(colours[name] == colour for colour, name in NAMES.items())
    # and these are the colours that are really painted, on that ground
    rgb = "rgb({}, {}, {})".format(*(int(colours["blue"][i : i + 2], 16) for i in (1, 3, 5)))
    line = page.locator("#chart-rnn-0-gains .mark-line path").first
    assert line.evaluate("e => getComputedStyle(e).stroke") == rgb
    label = page.locator("#chart-rnn-0-gains .role-axis-label text").first
    assert label.evaluate("e => getComputedStyle(e).fill") == page.evaluate(
        "getComputedStyle(document.body).color"
    )


# Machado, Oliveira & Fernandes 2009, table 1, severity 1.0: on linear light.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # IEC 61966-2-1


def lab(light):
    t = TO_XYZ @ np.clip(light, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_that_meet_in_a_chart_are_told_apart(path, visit, scheme, kind):
    """CIE 1976 distance of 10 or more; about 2 is just noticeable."""
    colours = palette(visit(path, scheme).page)
    for a, b in itertools.combinations((BLUE, ORANGE, GREEN), 2):
        seen = [lab(np.array(BLINDNESS[kind]) @ linear(colours[NAMES[c]])) for c in (a, b)]
        assert np.linalg.norm(seen[0] - seen[1]) >= 10, (a, b)


def test_no_curve_is_told_by_its_colour_alone(report):
    """Every scale of colours over names stands beside one of dashes, all different."""
    for name in ("by_lag", "memory", "gains", "errors", "truncation"):
        spec = getattr(report.charts, name).to_dict()
        parts = [p for p in spec.get("layer", [spec]) if "color" in p["encoding"]]
        assert parts
        for part in parts:
            dashes = part["encoding"]["strokeDash"]["scale"]
            assert dashes["domain"] == part["encoding"]["color"]["scale"]["domain"]
            assert len({tuple(dash) for dash in dashes["range"]}) == len(dashes["domain"]) >= 2
    assert GREY in report.charts.by_lag.to_json()


def test_structure(path, visit):
    page = visit(path).page
    assert page.locator("main, [role=main]").count() == 1
    assert page.locator("footer").count() == 1
    assert page.get_attribute("html", "lang") == "en"
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    for table in page.locator("table").all():
        assert table.locator("th[scope=col]").count()
        assert table.locator("th[scope=row]").count()


def test_every_chart_says_what_it_shows(report, path, visit):
    """An image with a name that holds this report's numbers, and nothing inside to wade through."""
    page = visit(path).page
    now = report.layers["rnn.0"]
    charts = page.locator("[role=img]")
    assert charts.count() == int(page.get_attribute("body", "data-drawn")) == 8
    named = re.findall(r"- '?img \"(.*)\"", page.locator("main").aria_snapshot())
    assert len(named) == 8
    assert named[0].startswith("Gradient by lag 95 % of the gradient comes from")
    assert f"lags 0 to {now.horizon}" in named[0]
    assert "at lag 20" in named[0]
    assert all(re.search(r"\d", name) for name in named)
    (exponents,) = (name for name in named if name.startswith("Lyapunov"))
    assert f"{now.exponents.exponents[0]:+.2f}" in exponents
    # the same, in the charts as objects
    assert report.charts.lyapunov.description == exponents.replace("exponents ", "exponents. ", 1)


def test_the_table_under_a_chart_holds_its_numbers(report, path, visit):
    page = visit(path).page
    figure = page.locator("figure", has=page.locator("#chart-rnn-0-shares"))
    assert not figure.locator("table").is_visible()
    figure.locator("summary").focus()
    page.keyboard.press("Enter")
    assert figure.locator("table").is_visible()
    rows = [row.split("\t") for row in figure.locator("tr").all_inner_texts()]
    assert rows[0] == ["lag k", "share before training", "share after training"]
    before, now = (d.layers["rnn.0"].profile.share for _, d in report.stages())
    for lag, *cells in rows[1:]:
        shown = [float(cell.strip("%")) / 100 for cell in cells]
        assert shown == pytest.approx([before[int(lag)], now[int(lag)]], abs=6e-5)
    by_lag = page.locator("figure", has=page.locator("#chart-rnn-0-by_lag"))
    by_lag.locator("summary").press("Enter")
    lags = [int(row.split("\t")[0]) for row in by_lag.locator("tr").all_inner_texts()[1:]]
    assert {0, 20, report.horizon, 39} <= set(lags)
    assert lags == sorted(lags)


def test_keyboard(path, visit):
    """Skip link first, then every chart's buttons and table in the order of the page, each with a visible focus."""
    page = visit(path).page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the finding"
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    order = []
    for _ in range(60):
        page.keyboard.press("Tab")
        now = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return e === document.body ? null : [e.tagName, e.dataset.of || "", e.dataset.save || "",
                    s.outlineStyle != "none" && parseFloat(s.outlineWidth) >= 2] }"""
        )
        if now is None:
            break
        order.append(now)
    assert all(visible for *_, visible in order)
    buttons = [(of, kind) for tag, of, kind, _ in order if tag == "BUTTON"]
    charts = page.eval_on_selector_all("[role=img] > div", "all => all.map(e => e.id)")
    assert buttons == [(id, kind) for id in charts for kind in ("svg", "png")]
    assert sum(tag == "SUMMARY" for tag, *_ in order) == len(charts)


def test_what_is_there_without_scripts(path, browser):
    page = browser.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    text = page.inner_text("body")
    assert "scripts are off" in text
    assert page.locator("details table").count() == 8
    page.close()


def test_a_phone(path, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for svg in page.locator("svg.marks").all():
        shown, drawn = svg.bounding_box()["width"], float(svg.get_attribute("width"))
        assert shown > 0.85 * drawn  # letters keep their size
    page.close()


def test_several_layers_have_one_place_each(visit, tmp_path):
    """The one that decides is open, every other folds, and opens by the keyboard."""
    net, batch = random_case(0, cell="gru", layers=3)
    report = bptt.diagnose(net, batch)
    page = visit(report.save(tmp_path / "report.html")).page
    first, *others = layers_in_order(report.diagnosis)
    folded = page.locator("details.layer")
    assert folded.locator("summary b").all_inner_texts() == [each.name for each in others]
    charts = len(list(report.charts))
    assert int(page.get_attribute("body", "data-drawn")) == charts
    assert first.name in page.inner_text(f"#layer-{first.name.replace('.', '-')}")
    folded.last.locator("> summary").press("Enter")
    page.wait_for_function(f"document.body.dataset.drawn == {2 * charts - 1}")  # one memory
    assert page.locator("[role=img]").count() == 3 * charts - 2
