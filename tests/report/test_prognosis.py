"""A look ahead as a sentence, a table, a page in a real browser, and as part of a diagnosis."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("altair")

import bptt
from bptt.data import tasks
from bptt.errors import OptionError
from bptt.prognoses import Agreement, Measured
from bptt.report import PrognosisReport
from bptt.report.prognosis import charts
from bptt.report.prognosis.sentences import probability, sentence, why
from bptt.report.remedies.sentences import outlook

SCREEN = {"width": 1280, "height": 800}


def measured(update, loss=0.16, reach=-1.0, rate=1e-3, coherence=0.4, form=0.5):
    own = Agreement(coherence, 0.05, rate, 0.1 * abs(rate), 0.1)
    return Measured(update, loss, 0.17, reach, own, own, form)


def foretold(*points, budget=2000, **more):
    losses = tuple(0.2 for _ in range(points[-1].update))
    return PrognosisReport(30, budget, points, losses, epoch=np.inf, **more)


@pytest.fixture(scope="module")
def asked():
    """A diagnosis, and the look ahead that was asked of it."""
    task = tasks.adding(10)
    net = bptt.Network.init(2, 8, 1, cell="gru", loss="mse", loss_at="last", rng=0)
    batch = task.batch(8, np.random.default_rng(1)).arguments()
    report = bptt.diagnose(net, batch, needed_lag=task.needed_lag)
    before = report.html()
    ahead = report.prognosis(task, 100, lr=5e-3, progress=False)
    return report, ahead, before


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (foretold(measured(0), measured(200, loss=0.08)),
         r"The network will learn lag 30: after 200 of 2,000 updates it has begun to\. The held-out loss is "
         r"0\.08; without the past it would be 0\.17\."),
        (foretold(measured(0), measured(200, loss=0.12)),
         r"The network will learn lag 30: after 200 of 2,000 updates it has begun to\. The held-out loss is "
         r"0\.12; without the past it would be 0\.17\. That half of the loss goes has a probability of (over )?\d\d %\."),
        (foretold(measured(0), measured(200)),
         r"The network will learn lag 30: by about update (\d\d0|1,\d00) of 2,000, with a probability of (over )?\d\d %\. "
         r"That half of the loss goes has a probability of (over )?\d\d %\."),
        (foretold(measured(0, reach=-9.0), measured(200, loss=0.17, reach=-9.0, rate=0.0, coherence=0.0, form=0.0)),
         r"The network will not learn lag 30 within 2,000 updates: the probability that it does is (under )?\d+ %, and "
         r"reach is missing\."),
        (foretold(measured(0)),
         r"It is unclear whether the network will learn lag 30 within 2,000 updates: the look ahead ended too early\."),
        (foretold(measured(0), stopped="The training broke off after 3 updates: loss is inf.", diverged=True),
         r"The network will not learn lag 30 with this training\. The training broke off after 3 updates: loss is inf\."),
    ],
)  # fmt: skip
def test_the_sentence(case, words):
    assert re.fullmatch(words, sentence(case))
    assert case.sentence == sentence(case)
    assert case.sentence in " ".join(re.sub("[│╭╰╮╯─]", " ", str(case)).split())


@pytest.mark.parametrize("name", ["reach", "agreement", "form"])
def test_what_is_missing_is_explained(name):
    short = {
        "reach": {"reach": -9.0, "coherence": 0.0, "form": 0.0},
        "agreement": {"coherence": 0.0, "form": 0.15},
        "form": {"coherence": 0.1, "form": 0.0},
    }[name]
    case = foretold(measured(0), measured(200, loss=0.17, **short))
    assert case.missing == name
    told = {"reach": "error signal does not arrive", "agreement": "pulls the same way on other data",
            "form": "cannot put together"}  # fmt: skip
    assert told[name] in why(case)
    assert told[name] in " ".join(str(case).replace("│", " ").split())


def test_what_does_not_carry_over_is_explained():
    few = foretold(measured(0), measured(200, loss=0.17, form=0.1))
    few = replace(few, losses=(0.06,) * 200, epoch=4.0)
    assert few.missing is None
    assert "carries over to others too little" in why(few)


def test_the_first_screen_shows_the_sentence_and_the_three_curves(asked, visit, tmp_path):
    report, ahead, _ = asked
    for saved in (report, ahead):
        path = saved.save(tmp_path / "page.html")
        seen = visit(path)
        assert seen.requests == [path.as_uri()]
        assert seen.complaints == []
        seen.page.set_viewport_size(SCREEN)
        seen.page.wait_for_timeout(300)
        assert seen.page.inner_text("h1") == ahead.sentence
        for key in ("reach", "agreement", "form"):
            box = seen.page.locator(f"#chart-ahead-{key} svg.marks").bounding_box()
            assert 0 < box["y"] < box["y"] + box["height"] < SCREEN["height"], key
            assert box["width"] > 200
        assert seen.page.locator("h1").count() == 1


def test_the_page_fits_every_width(asked, visit, tmp_path):
    report, _, _ = asked
    seen = visit(report.save(tmp_path / "page.html"), "dark")
    for width in (390, 900, 1920):
        seen.page.set_viewport_size({"width": width, "height": 1000})
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_diagnosis_alone_says_nothing_of_learning(asked):
    _, _, before = asked
    text = re.sub(r"<script.*?</script>|<style.*?</style>", "", before, flags=re.S)
    assert not re.search(r"will (not )?learn", text)


def test_the_charts_hold_what_was_measured(asked):
    _, ahead, _ = asked
    rows = {
        "reach": [m.log10_attenuation for m in ahead.measured],
        "agreement": [m.agreement_mid.coherence for m in ahead.measured],
        "form": [m.form for m in ahead.measured],
        "rate": [m.agreement_mid.rate for m in ahead.measured],
    }
    for key, values in rows.items():
        drawn = getattr(ahead.charts, key).to_dict()
        points = drawn["layer"][0]["data"]["values"]
        assert [row["update"] for row in points] == [0, 5, 10]
        assert np.allclose([row["value"] for row in points], values, rtol=1e-4), key
    bars = ahead.charts.agreement.to_dict()["layer"][1]["data"]["values"]
    errors = [m.agreement_mid.error for m in ahead.measured]
    assert np.allclose([(row["high"] - row["low"]) / 2 for row in bars], errors, rtol=1e-4)
    lines = charts.losses(ahead).to_dict()["layer"][0]["data"]["values"]
    held = [row["value"] for row in lines if row["of"] == "held out"]
    assert np.allclose(held, [m.loss for m in ahead.measured], rtol=1e-4)
    each = [row["value"] for row in lines if row["of"] == "on each batch"]
    assert np.allclose(each, ahead.losses, rtol=1e-4)
    assert list(ahead.charts) == ["reach", "agreement", "form", "losses", "rate"]


def test_json_says_what_python_says(asked, tmp_path):
    report, ahead, _ = asked
    one = json.loads(ahead.save(tmp_path / "ahead.json").read_text())
    assert one["verdict"] == ahead.verdict
    assert one["probability"] == ahead.probability
    assert one["sentence"] == ahead.sentence
    assert [m["update"] for m in one["measured"]] == ahead.curves["update"]
    assert one["losses"] == list(ahead.losses)
    assert json.loads(report.to_json())["prognosis"] == one


def test_it_is_the_prognosis_of_the_function(asked):
    report, ahead, _ = asked
    task = tasks.adding(10)
    net = bptt.Network.init(2, 8, 1, cell="gru", loss="mse", loss_at="last", rng=0)
    again = bptt.prognosis(net, task, budget=100, lr=5e-3, progress=False)
    assert again.curves == ahead.curves
    assert again.probability == ahead.probability
    assert report.ahead is ahead
    assert ahead.sentence in " ".join(str(report).replace("│", " ").split())


def test_what_was_left_out_is_said_where_its_chart_would_stand(visit, tmp_path):
    point = replace(measured(0), agreement=None, agreement_mid=None, form=None)
    both = "Agreement and form are left out: levels run both ways."
    case = foretold(point, replace(point, update=200), remarks=(both,))
    seen = visit(case.save(tmp_path / "page.html"))
    assert seen.complaints == []
    assert seen.page.inner_text(".three").count(f"Nothing to draw: {both}") == 2
    assert both in " ".join(str(case).split())


def test_nothing_measured_and_no_signal(tmp_path, visit):
    """Stopped before the first measurement, and a network that no error goes through."""
    early = PrognosisReport(30, 2000, (), (), stopped="Interrupted after 0 of 200 updates.")
    assert early.verdict == "cannot tell"
    dead = foretold(
        *(measured(n, reach=-np.inf, rate=0.0, coherence=0.0, form=0.0) for n in (0, 200))
    )
    assert dead.missing == "reach"
    for case in (early, dead):
        seen = visit(case.save(tmp_path / "page.html"))
        assert seen.complaints == []
        json.loads(case.to_json())
    assert "Interrupted after 0 of 200 updates." in str(early)
    once = foretold(measured(0), stopped="Interrupted after 7 of 200 updates.")
    assert why(once) == why(early) == ""  # one moment explains nothing
    assert "no error signal arrives there at all" in dead.html()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": 3}, "model: expected a bptt.Network or a torch.nn.Module"),
        ({"data": "adding"}, "data: expected a text, series or task"),
        ({"data": None}, "data: expected a text, series or task"),
        ({"loss": max}, "loss: expected None for a bptt.Network"),
        ({"step": max}, "step: expected None for a bptt.Network"),
        ({"window": 8}, "window: expected None where the data are no text"),
        ({"budget": 7}, "budget: expected a whole number from 20"),
        ({"lr": -1.0}, "lr"),
        ({"batch": 0}, "batch"),
        ({"needed_lag": 99}, "needed_lag"),
    ],
)
def test_bad_input(arguments, words):
    given = {
        "model": bptt.Network.init(2, 4, 1, loss="mse", loss_at="last", rng=0),
        "data": tasks.adding(10),
        "progress": False,
    }
    with pytest.raises(OptionError, match=words):
        bptt.prognosis(**given | arguments)


def test_a_report_without_its_model(report):
    with pytest.raises(OptionError, match="one without its model"):
        report.prognosis(tasks.adding(10))


def test_one_batch_is_split_where_there_are_no_data():
    net = bptt.Network.init(2, 4, 1, loss="mse", loss_at="last", rng=0)
    task = tasks.adding(10)
    few, many = (task.batch(n, np.random.default_rng(1)).arguments() for n in (8, 40))
    report = bptt.diagnose(net, many, needed_lag=5)
    assert report.prognosis(budget=20, progress=False).measured[-1].update == 2
    with pytest.raises(OptionError, match="at least 24 sequences"):
        bptt.diagnose(net, few, needed_lag=5).prognosis(budget=20, progress=False)


@pytest.fixture(scope="module")
def torch_case():
    torch = pytest.importorskip("torch")

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(2, 8)
            self.out = torch.nn.Linear(8, 1)

        def forward(self, x):
            return self.out(self.gru(x)[0][-1])

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    task = tasks.adding(10)
    batches = [task.batch(16, rng) for _ in range(20)]
    pairs = [(torch.tensor(b.x), torch.tensor(b.targets)) for b in batches]
    return Reader(), pairs, lambda m, b: (m(b[0]) - b[1]).square().mean()


def test_a_pytorch_model(torch_case, tmp_path):
    model, batches, loss = torch_case
    ahead = bptt.prognosis(model, batches, loss, 5, budget=40, progress=False)
    assert ahead.title == "Reader"
    assert ahead.measured[-1].update == 4
    assert np.isfinite(ahead.probability)
    report = bptt.diagnose(model, batches[0], loss, needed_lag=5)
    again = report.prognosis(batches, 40, progress=False)
    assert again.curves == ahead.curves
    assert "chart-ahead-form" in report.save(tmp_path / "page.html").read_text()
    with pytest.raises(OptionError, match="loss: expected a function"):
        bptt.prognosis(model, batches, progress=False)
    with pytest.raises(OptionError, match="window: expected none for a PyTorch model"):
        bptt.prognosis(model, batches, loss, window=8, progress=False)


def test_the_page_says_how_far_its_probability_is_to_be_trusted(asked):
    """As docs/prognosis.md shows it on data whose answer cannot be known."""
    _, ahead, _ = asked
    assert "it promises too much" in ahead.html()
    assert json.loads(ahead.to_json())["chances"]["0.5"] == ahead.chances[0.5]


def test_no_chance_is_said_while_the_output_is_still_finding_its_mean():
    """Among remedies too: "may or may not learn, over 99 %" would be said otherwise."""
    early, late = measured(50, reach=0.0), measured(100, reach=0.0)
    unsettled = foretold(replace(early, blind=0.5), late)
    assert unsettled.verdict == "cannot tell"
    assert probability(unsettled) == "unknown"
    assert outlook(unsettled) == (
        "may or may not learn lag 30 within 2,000 updates (when the look ahead ended, its output was still "
        "settling on its mean)"
    )
    assert "unknown" not in probability(foretold(early, late))
