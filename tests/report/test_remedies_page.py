"""Remedies as a page in a real browser, as a table, as JSON and written back."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("altair")


import bptt
from bptt.report.remedies.charts import DECADES, gradients, leaves_frame, memories, trials
from bptt.report.remedies.sentences import columns
from tests.report.conftest import random_case

TRIED = ["orthogonal", "identity-relu", "activation", "clip", "forget-bias"]
STEPS = 60


def tried(net, batch, **options):
    report = bptt.diagnose(net, batch, needed_lag=12)
    return report.try_remedies(progress=False, **({"trial_updates": 0} | options))


def chart(report, key):
    return {"gradients": gradients, "memories": memories, "trials": trials}[key](report).to_dict()


def curves(small):
    """{stage: {lag: value}} of one small chart."""
    found = {}
    for row in small["layer"][1]["data"]["values"]:
        found.setdefault(row["of"], {})[row["lag"]] = row["value"]
    return found


@pytest.fixture(scope="module")
def remedies():
    net, batch = random_case(0)
    return tried(net, batch, only=TRIED, trial_updates=STEPS)


def test_every_chart_is_drawn_and_nothing_is_fetched(remedies, visit, tmp_path):
    path = remedies.save(tmp_path / "remedies.html")
    assert path.stat().st_size < 2_000_000
    for scheme in ("light", "dark"):
        seen = visit(path, scheme)
        assert seen.requests == [path.as_uri()]
        assert seen.complaints == []
        for key in ("gradients", "memories", "trials"):
            svg = seen.page.locator(f"#chart-{key} svg.marks")
            assert svg.bounding_box()["height"] > 150
            assert svg.locator(".mark-line path").count() >= 4, key
        for width in (900, 400):
            seen.page.set_viewport_size({"width": width, "height": 1000})
            assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_table_says_what_json_says(remedies, visit, tmp_path):
    seen = visit(remedies.save(tmp_path / "remedies.html"))
    rows = seen.page.locator("table.ranked tbody tr").all()
    ranked = json.loads(remedies.to_json())["ranked"]
    assert len(rows) == len(ranked) == 5  # four that apply, and the model as it is
    for number, (row, of) in enumerate(zip(rows, ranked, strict=True), 1):
        shown = row.locator("th, td").all_inner_texts()
        assert shown[:3] == [str(number), of["name"], of["verdict"]]
        assert float(shown[3]) == pytest.approx(10 ** of["log10_attenuation"], rel=0.05)
        assert shown[4] == str(of["horizon"])
        assert float(shown[5]) == pytest.approx(max(0, of["remembered"]), abs=0.005)
        assert float(shown[6]) == pytest.approx(of["trial"]["loss"], rel=1e-3)
        assert of["trial"]["updates"] == STEPS


def test_the_page_says_what_each_remedy_is(remedies, visit, tmp_path):
    seen = visit(remedies.save(tmp_path / "remedies.html"))
    first = remedies.best.name if remedies.best else "as it is"
    assert seen.page.inner_text(".verdict strong") == f"First: {first}"
    for each in remedies.tried:
        if each.name == "as it is":
            continue
        section = seen.page.inner_text(f"#remedy-{each.name}")
        assert each.source in section
        assert "; ".join(each.sentences) in section
    clip = remedies.named("clip").changes["clip"]
    assert f"clip = {clip:g}" in seen.page.inner_text("#remedy-clip")
    assert "nothing: the change is in the network" in seen.page.inner_text("#remedy-orthogonal")
    refused = seen.page.locator("li", has_text="forget-bias")
    assert "layers whose forget gate carries the state" in refused.inner_text()
    # the links of the table lead somewhere
    for link in seen.page.locator("table.ranked a").all():
        assert seen.page.locator(link.get_attribute("href")).count() == 1


def test_the_charts_hold_the_measured_numbers(remedies):
    before = remedies.before.diagnosis
    shown = chart(remedies, "gradients")["concat"]
    names = [small["title"]["text"] for small in shown]
    # clip leaves the network as it is: there is no second curve to draw
    assert sorted(names) == ["activation", "identity-relu", "orthogonal"]
    assert names == [t.name for t in remedies.tried if t.name in names]
    for small, name in zip(shown, names, strict=True):
        now = remedies.named(name).diagnosis
        assert small["title"]["subtitle"][0] == now.decisive.verdict
        for stage, diagnosis in (("as it is", before), ("with the remedy", now)):
            norms = diagnosis.decisive.profile.log10_norm
            want = {k: v for k, v in enumerate(norms) if np.isfinite(v)}
            got = curves(small)[stage]
            assert got.keys() == want.keys()
            assert all(abs(got[k] - want[k]) < 1e-3 for k in want)
        assert small["layer"][0]["data"]["values"][0]["lag"] == 12
    for small in chart(remedies, "memories")["concat"]:
        now = remedies.named(small["title"]["text"]).diagnosis.memory.r2
        got = curves(small)["with the remedy"]
        assert all(abs(v - max(0, now[k])) < 1e-3 for k, v in got.items())
    lines = chart(remedies, "trials")["data"]["values"]
    for each in remedies.tried:
        own = [(row["update"], row["loss"]) for row in lines if row["name"] == each.name]
        assert [update for update, _ in own] == [25, 50, 60]
        assert np.allclose([v for _, v in own], [v for _, v in each.trial.history], rtol=1e-4)


def test_a_trial_that_broke_off_is_marked(remedies, visit, tmp_path):
    """Not a number in it, an end before the others', or no point at all: drawn as far as it goes."""
    ends = {
        "orthogonal": [(25, 1.3), (50, 7.0)],
        "activation": [(25, float("nan"))],
        "identity-relu": [],
    }
    changed = tuple(
        replace(
            each,
            trial=replace(
                each.trial,
                history=ends[each.name],
                loss=float("inf"),
                stopped="it went to infinity",
            ),
        )
        if each.name in ends
        else each
        for each in remedies.tried
    )
    report = replace(remedies, tried=changed)
    layers = chart(report, "trials")["layer"]
    (cross,) = layers[1]["data"]["values"]
    assert (cross["name"], cross["update"], cross["loss"]) == ("orthogonal", 50, 7.0)
    seen = visit(report.save(tmp_path / "remedies.html"))
    assert seen.complaints == []
    assert "it went to infinity" in seen.page.inner_text("#remedy-orthogonal")
    assert seen.page.locator("td", has_text="broke off").count() == 3
    assert json.loads(report.to_json())["ranked"]


def test_more_trials_than_colours(remedies):
    """Six in a colour and dash of their own, in the order of the ranking; the rest share one."""
    one = remedies.named("orthogonal")
    many = tuple(replace(one, name=f"remedy {n}") for n in range(9))
    report = replace(remedies, tried=(*many[:2], remedies.before, *many[2:]))
    drawn = chart(report, "trials")["encoding"]
    colours, dashes = (drawn[channel]["scale"] for channel in ("color", "strokeDash"))
    assert colours["domain"] == ["as it is", *(f"remedy {n}" for n in range(6)), "others"]
    assert dashes["domain"] == colours["domain"]
    looks = {(c, *dash) for c, dash in zip(colours["range"], dashes["range"], strict=True)}
    assert len(looks) == 8
    rows = chart(report, "trials")["data"]["values"]
    assert {row["name"] for row in rows if row["of"] == "others"} == {
        "remedy 6", "remedy 7", "remedy 8",
    }  # fmt: skip
    assert len(chart(report, "gradients")["concat"]) == 9


def test_nothing_trained_and_all_signals_zero(visit, tmp_path):
    """A dead network: nothing grows, shrinks or is learnt, and the page still opens."""
    net, batch = random_case(0, activation="relu")
    net.layer.b[:] = -100
    report = tried(net, batch, only=["orthogonal", "activation"])
    seen = visit(report.save(tmp_path / "remedies.html"))
    text = seen.page.inner_text("body")
    assert "Nothing was trained" in text
    assert "Nothing to draw: nothing was trained." in text
    assert "trial loss" not in text
    assert seen.complaints == []


def test_only_the_training_changes(visit, tmp_path):
    net, batch = random_case(0)
    report = tried(net, batch, only=["omega"])
    assert report.named("omega").changes == {"omega": 2.0}
    seen = visit(report.save(tmp_path / "remedies.html"))
    assert seen.page.inner_text("body").count("Nothing to draw: every remedy changes") == 2
    assert "omega = 2" in seen.page.inner_text("#remedy-omega")
    assert seen.complaints == []


def test_curves_far_apart_share_a_frame():
    """An identity layer that grows by 2 a step for 100 steps: 1e30 apart from its orthogonal self."""
    layer = bptt.RNN(
        np.eye(2, dtype="f4"), 2 * np.eye(2, dtype="f4"), np.zeros(2, "f4"), "identity"
    )
    net = bptt.Network(layer, np.ones((1, 2), "f4"), np.zeros(1, "f4"), "mse", "last")
    batch = (np.full((100, 1, 2), 1e-3, "f4"), np.ones((1, 1), "f4"))
    report = bptt.diagnose(net, batch, needed_lag=60).try_remedies(
        only=["orthogonal"], trial_updates=0, progress=False
    )
    assert report.before.diagnosis.memory is None
    assert leaves_frame(report)
    (small,) = chart(report, "gradients")["concat"]
    assert small["title"]["subtitle"][0] == "steady, below the frame"
    low, high = small["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert high - low <= 2 * DECADES + 2
    assert memories(report) is None
    assert "the batch is too small to fit it" in report.html()


def test_a_curve_outside_the_frame_is_said_to_be():
    """relu at a gain of 3 carries 1e20 times what tanh does: nothing of it can be drawn beside tanh."""
    net = bptt.Network.init(3, 48, 4, "gaussian", gain=3.0, rng=0, loss_at="last")
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(100, 2, 3)).astype("f4"), rng.integers(4, size=2)
    report = bptt.diagnose(net, batch).try_remedies(
        only=["activation"], trial_updates=0, progress=False
    )
    relu = report.named("activation").diagnosis.decisive.profile.log10_norm
    first = report.before.diagnosis.decisive.profile.log10_norm[0]
    assert relu[np.isfinite(relu)].min() > first + DECADES
    (small,) = chart(report, "gradients")["concat"]
    assert small["title"]["subtitle"][0] == "exploding, above the frame"
    assert "Where a curve leaves the frame" in report.html()


def test_a_huge_loss_does_not_flatten_the_others(remedies):
    last = remedies.before.trial.history
    far = replace(remedies.before.trial, history=[(update, 1e20) for update, _ in last])
    orthogonal = replace(remedies.named("orthogonal"), trial=far)
    rest = [t for t in remedies.tried if t.name != "orthogonal"]
    scale = chart(replace(remedies, tried=(*rest, orthogonal)), "trials")["encoding"]["y"]["scale"]
    assert scale["type"] == "log"
    assert scale["domainMax"] == pytest.approx(100 * max(loss for _, loss in last), rel=1e-4)


def test_every_remedy_is_on_the_terminal(remedies):
    text = str(remedies)
    for name in TRIED:
        assert name in text
    for row in columns(remedies)[1]:
        assert any(all(cell in line for cell in row) for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 100


def test_json(remedies, tmp_path):
    document = json.loads(remedies.save(tmp_path / "remedies.json").read_text())
    assert [row["name"] for row in document["ranked"]] == [each.name for each in remedies.tried]
    assert list(document["does_not_apply"]) == ["forget-bias"]
    now = remedies.named("orthogonal")
    row = next(row for row in document["ranked"] if row["name"] == "orthogonal")
    assert row["memory"] == [None if np.isnan(v) else v for v in now.diagnosis.memory.r2]
    assert row["log10_norm"][:5] == now.diagnosis.decisive.profile.log10_norm[:5].tolist()
    assert [tuple(point) for point in row["trial"]["history"]] == now.trial.history


def test_apply_writes_into_the_model():
    net, batch = random_case(0)
    report = tried(net, batch, only=["orthogonal"])
    gram = report.model("orthogonal").layer.W_R.T @ report.model("orthogonal").layer.W_R
    assert np.abs(gram - np.eye(16)).max() < 1e-5
    assert np.abs(net.layer.W_R.T @ net.layer.W_R - np.eye(16)).max() > 0.1
    assert report.apply("orthogonal") == {}
    assert np.abs(net.layer.W_R.T @ net.layer.W_R - np.eye(16)).max() < 1e-5


def test_a_remedy_that_was_not_tried_is_refused(remedies):
    with pytest.raises(bptt.errors.OptionError, match="layers whose forget gate carries the state"):
        remedies.named("forget-bias")
    with pytest.raises(bptt.errors.OptionError, match="it was not tried"):
        remedies.named("chrono")
    with pytest.raises(bptt.errors.OptionError, match=r"ending in \.html or \.json"):
        remedies.save("remedies.pdf")
