"""The page, opened in a real browser."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("altair")


import bptt
from bptt.diagnosis import diagnose_network
from bptt.report.figures import figures
from bptt.report.numbers import numbers
from bptt.report.said_once import layers_in_order
from tests.report.conftest import random_case

CHARTS = ("by_lag", "memory", "shares", "gains", "loss_steps")


def test_every_chart_is_drawn_and_nothing_is_fetched(report, visit, tmp_path):
    path = report.save(tmp_path / "report.html")
    for scheme in ("light", "dark"):
        seen = visit(path, scheme)
        assert seen.requests == [path.as_uri()]
        assert seen.complaints == []
        for key in CHARTS:
            svg = seen.page.locator(f"#chart-rnn-0-{key} svg.marks")
            assert svg.bounding_box()["height"] > 150
            marks = svg.locator(
                ".mark-line path, .mark-rect path, .mark-bar path, .mark-symbol path"
            )
            assert marks.count() >= 2, key
        # nothing sticks out: the page itself does not scroll sideways
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_says_what_the_report_says(report, visit, tmp_path):
    seen = visit(report.save(tmp_path / "report.html"))
    text = seen.page.inner_text("body")
    now, before = report.layers["rnn.0"], report.before.layers["rnn.0"]
    assert seen.page.inner_text(".verdict p strong") == f"{report.verdict.capitalize()}."
    assert now.cause.sentence in text
    for sentence in (*map(str, now.advice), *report.diagnosis.assumed):
        assert sentence in text
    row = seen.page.locator("tr", has_text="horizon").inner_text()
    assert row.split("\t")[1:] == [str(before.horizon), str(now.horizon)]
    assert "A network </script><b>with a hostile title" in text  # shown, not obeyed


def test_the_charts_hold_the_measured_numbers(report):
    stages = [(name, d.layers["rnn.0"]) for name, d in report.stages()]
    now = stages[-1][1].profile
    charts = {figure.key: figure.chart.to_dict() for figure in figures(stages)}

    def data(chart):
        part = chart["layer"][-1] if "layer" in chart else chart
        return part["data"]["values"]

    line = charts["by_lag"]["layer"][0]["data"]["values"]
    after = [row["value"] for row in line if row["of"] == "after training"]
    assert after == [round(v, 3) for v in now.log10_norm if v > -float("inf")]
    marks = {row["mark"] for row in charts["by_lag"]["layer"][1]["data"]["values"]}
    assert marks == {f"horizon {now.horizon()}", "needed lag 20"}
    shares = [row for row in data(charts["shares"]) if row["stage"] == "after training"]
    assert abs(shares[3]["share"] - now.share[3]) < 1e-3
    weights = [row["value"] for row in data(charts["gains"]) if row["of"] == "W_R"]
    assert weights == [round(v, 4) for v in now.weight_gain]
    (memory,) = (f for f in figures(stages, None, memories(report)) if f.key == "memory")
    lines = memory.chart.to_dict()["layer"][0]["data"]["values"]
    after = [row["value"] for row in lines if row["of"] == "after training"]
    r2 = report.diagnosis.memory.r2
    assert after == [round(max(0.0, v), 4) for v in r2 if v == v]
    by_chance = [row["value"] for row in lines if row["of"] == "by chance"]
    chance = report.diagnosis.memory.chance
    assert by_chance == [round(max(0.0, v), 4) for v in chance if v == v]
    cells = {(row["t"], row["k"]): row["v"] for row in charts["loss_steps"]["data"]["values"]}
    assert len(cells) == 40 * 41 // 2
    assert cells[30, 5] == round(now.log10_signal_by_step[30, 5], 2)


def memories(report):
    return [(name, diagnosis.memory) for name, diagnosis in report.stages()]


def test_the_memory_stands_after_the_gradient_and_says_when_it_is_missing(visit, tmp_path):
    """Once for the whole network; a single short sequence is too little to fit it."""
    rng = np.random.default_rng(0)
    net = bptt.Network.init(3, 8, 4, rng=rng, layers=2)
    x, targets = rng.normal(size=(6, 1, 3)).astype("float32"), rng.integers(4, size=(6, 1))
    report = bptt.diagnose(net, (x, targets))
    assert report.diagnosis.memory is None
    seen = visit(report.save(tmp_path / "report.html"))
    headings = seen.page.locator("figure :is(h2, h3)").all_text_contents()
    assert headings[:2] == ["Gradient by lag", "What the state remembers"]
    assert headings.count("What the state remembers") == 1
    assert headings.count("Gradient by lag") == 2  # a layer each
    text = seen.page.inner_text("body")
    assert "Nothing to draw: the batch is too small to fit it." in text
    rows = seen.page.locator("tr", has_text="input of lag 3 read off the state")
    assert rows.all_inner_texts()[0].split("\t")[1:] == ["-"]
    assert seen.complaints == []


def test_the_first_screen_says_it_all(report, browser, tmp_path):
    """Verdict, reach against need, why and what to change, and the chart, without scrolling; words first."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    assert report.diagnosis.needed_lag is None
    page.goto(report.save(tmp_path / "report.html").as_uri())
    page.wait_for_selector("body[data-drawn]")
    now = report.layers["rnn.0"]
    for words in (
        f"{now.horizon} steps back", "20 steps back", "Why", "What to change", str(now.advice[0]), "Gradient by lag",
        report.diagnosis.assumed[0],
    ):  # fmt: skip
        box = page.get_by_text(words, exact=True).first.bounding_box()
        assert box["y"] + box["height"] <= 800, words
    assert page.locator("#chart-rnn-0-by_lag svg").bounding_box()["y"] < 600
    first = page.inner_text("h1") + page.inner_text(".verdict p")
    assert not any(symbol in first for symbol in ("W_R", "φ", "G_k", "‖", "Σ"))
    page.close()


def test_the_largest_page_stays_small(visit, tmp_path):
    """Three gated layers, a thousand steps, every lag, before and after."""
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(1000, 2, 3)).astype("float32"), rng.integers(4, size=(1000, 2))
    before, now = (
        diagnose_network(
            bptt.Network.init(3, 16, 4, "gaussian", rng=seed, gain=gain, cell="lstm", layers=3), batch
        )
        for seed, gain in ((0, 1.0), (1, 1.5))
    )  # fmt: skip
    assert len(now.layers["lstm.2"].profile.lags) == 1000
    path = bptt.Report(now, before=before).save(tmp_path / "report.html")
    assert path.stat().st_size < 2_000_000
    assert visit(path).complaints == []


def test_a_layer_that_does_not_decide_is_folded_and_drawn_when_it_is_opened(browser, tmp_path):
    """The page of two layers is a few screens long; what is in the other is there, and fits its place."""
    net, batch = random_case(0, cell="lstm", layers=2, loss_at="last")
    report = bptt.diagnose(net, (batch[0], batch[1][-1]), needed_lag=30)
    first, other = (each.name.replace(".", "-") for each in layers_in_order(report.diagnosis))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.save(tmp_path / "report.html").as_uri())
    page.wait_for_selector("body[data-drawn]")
    assert page.evaluate("document.documentElement.scrollHeight") < 4100
    assert page.locator(f"#chart-{first}-shares svg.marks").is_visible()
    assert page.locator(f"#chart-{other}-shares svg.marks").count() == 0
    row = page.locator(f"#layer-{other} > summary")
    assert "vanishing" in row.inner_text()
    row.press("Enter")
    svg = page.wait_for_selector(f"#chart-{other}-shares svg.marks")
    assert svg.bounding_box()["width"] > 400
    assert page.locator(f"#layer-{other}").get_by_text("The numbers", exact=True).is_visible()
    # what is advised for both is said at the head alone
    assert page.inner_text("main").count("chrono initialisation") == 1
    assert f"The same in {other.replace('-', '.')}." in page.inner_text(".pair")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_one_stage_and_a_dead_network(visit, tmp_path):
    """Nothing to draw is no reason to fail: all signals are zero."""
    net, batch = random_case(0, activation="relu")
    net.layer.b[:] = -100
    report = bptt.Report(diagnose_network(net, batch))
    seen = visit(report.save(tmp_path / "report.html"))
    text = seen.page.inner_text("body")
    assert seen.page.inner_text("h1") == "No: the gradient is exactly zero and reaches nowhere."
    assert text.count("Nothing to draw") == 6
    assert seen.complaints == []


def test_json(report, tmp_path):
    path = report.save(tmp_path / "report.json")
    document = json.loads(path.read_text())
    layer = document["stages"]["after training"]["layers"]["rnn.0"]
    now = report.layers["rnn.0"]
    assert layer["verdict"] == report.verdict
    assert layer["horizon"] == report.horizon
    assert layer["profile"]["share"] == now.profile.share.tolist()
    assert layer["profile"]["log10_norm"][-1] is None  # -inf: the initial state is zero
    assert not re.search("NaN|Infinity", path.read_text())


def test_terminal(report):
    text = str(report)
    now = report.layers["rnn.0"]
    assert f"rnn.0: {now.verdict}" in text
    assert "before training" in text
    assert re.search(rf"horizon.*\s{now.horizon}\s*\n", text)
    assert "What was assumed" in text
    assert max(map(len, text.splitlines())) <= 100


def test_other_suffix_is_refused(report, tmp_path):
    with pytest.raises(bptt.errors.OptionError, match=r"path: expected a name ending in \.html"):
        report.save(tmp_path / "report.pdf")


def test_only_one_stage_overflows(tmp_path):
    """The table has the same rows for both stages, whatever happened in one of them."""

    def net(gain):
        layer = bptt.RNN(
            np.eye(2, dtype="f4"), gain * np.eye(2, dtype="f4"), np.zeros(2, "f4"), "identity"
        )
        return bptt.Network(layer, np.ones((1, 2), "f4"), np.zeros(1, "f4"), "mse", "last")

    batch = (np.full((100, 1, 2), 1e-3, "f4"), np.ones((1, 1), "f4"))
    report = bptt.Report(
        diagnose_network(net(2.0), batch), before=diagnose_network(net(0.5), batch)
    )
    assert report.verdict == "exploding"
    (row,) = re.findall("lag at which the gradient overflows.*", str(report))
    assert row.split()[-2] == "none"
    assert "overflows" not in str(bptt.Report(report.before))
    report.save(tmp_path / "report.html")


def test_how_far_from_normal_is_a_row():
    """Henrici: a chain of units that feed each the next has no eigenvalue but zero, all of its norm is departure."""
    layer = bptt.RNN(np.eye(4), np.diag(np.ones(3), 1), np.zeros(4), "identity")
    net = bptt.Network(layer, np.ones((1, 4)), np.zeros(1), "mse", "last")
    report = bptt.diagnose(net, (np.ones((9, 2, 4)), np.zeros((2, 1))))
    (of_layer,) = report.layers.values()
    rows = dict(numbers(report.diagnosis, of_layer))
    assert rows["departure of W_R from normality"] == "1.00"


def test_the_lines_that_follow_advice_stand_below_it():
    """Where there is a report in Python; escaped, like all that is shown."""
    net = bptt.Network.init(3, 8, 2, cell="lstm", loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((60, 4, 3)).astype("f4")
    report = bptt.diagnose(net, (x, np.zeros(4, int)))
    assert '<pre class="code">report.apply(&#34;chrono&#34;)</pre>' in report.html()
    assert "report.apply" not in replace(report, subject=None).html()
