"""The pictures of the README and the docs: python -m docs.figures [names] (make docs)."""

import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import altair as alt
import numpy as np
from docs import published
from experiments.foretold import foretold, reliability
from experiments.foretold_tables import marked
from experiments.running import stored
from tests.chromium import chromium
from tests.lab.driver import opened

import bptt
from bptt.configuration import Configuration
from bptt.data import Text, tasks
from bptt.data.text import chunk, streams
from bptt.diagnosis import diagnose_network
from bptt.presentation.chart_style import DASHED, data
from bptt.presentation.colours import BLUE, GREY
from bptt.prognoses.calibration import calibration
from bptt.training import train

IMAGES = Path(__file__).parent / "images"
SCREEN = {"width": 1280, "height": 800}
UPDATES = 2000


@cache
def report() -> bptt.Report:
    """Of the network that ``bptt diagnose`` trains, on the same text."""
    text = Text.load()
    size = len(text.characters)
    network = bptt.Network.init(size, 128, size, rng=0)
    codes, targets, _ = chunk(streams(text.held_out, 16), 128, 0)
    batch = (text.one_hot(codes), targets)
    return bptt.Report(
        diagnose_network(train(network, text, updates=UPDATES).network, batch, truncation=64),
        before=diagnose_network(network, batch, truncation=64),
        title=repr(network.body),
        facts=(("Data", text.name), ("training", f"{UPDATES} updates with Adam")),
    )


def by_lag() -> None:
    """The gradient by lag, as the report saves it."""
    report().charts.by_lag.save(IMAGES / "by_lag.svg")


def first_screen() -> None:
    """What one sees who opens the report, light and dark."""
    with tempfile.TemporaryDirectory() as folder:
        page = report().save(Path(folder) / "report.html").as_uri()
        for scheme in ("light", "dark"):
            screenshot(page, IMAGES / f"report-{scheme}.png", scheme, "body[data-drawn]")


def looked_ahead() -> None:
    """What one sees who opens the report of a look ahead, light and dark."""
    task = tasks.adding(40)
    network = bptt.Network.init(2, 32, 1, cell="gru", loss="mse", loss_at="last", rng=0)
    ahead = bptt.prognosis(network, task, budget=1000, lr=5e-3)
    with tempfile.TemporaryDirectory() as folder:
        page = ahead.save(Path(folder) / "prognosis.html").as_uri()
        for scheme in ("light", "dark"):
            screenshot(page, IMAGES / f"prognosis-{scheme}.png", scheme, "body[data-drawn]")


def how_often_right() -> None:
    """The reliability diagram: of the held-out networks with such a probability, how many learnt."""
    some = [foretold(run) for run in marked(stored("held_out"))]
    p = [one.chance(calibration()) for one in some]
    rows = [
        {"p": mean, "part": part, "networks": n}
        for mean, part, n in reliability(p, [one.solved for one in some])
    ]
    ends = alt.Scale(domain=[0, 1])
    at = {
        "x": alt.X("p:Q", title="probability that was foretold", scale=ends),
        "y": alt.Y("part:Q", title="part that learnt", scale=ends),
    }
    right = alt.Chart(data([{"p": x, "part": x} for x in (0, 1)])).mark_line(
        color=GREY, strokeDash=DASHED
    )
    points = alt.Chart(data(rows)).mark_circle(color=BLUE, opacity=1)
    size = alt.Size("networks:Q", scale=alt.Scale(range=[40, 600]))
    chart = right.encode(**at) + points.encode(**at, size=size)
    chart.properties(width=320, height=320).save(IMAGES / "reliability.svg")


def live_page() -> None:
    """The live page where the whole network begins, and its exercises."""
    for scheme in ("light", "dark"):
        with chromium() as browser, opened(browser, viewport=SCREEN, color_scheme=scheme) as lab:
            lab.slide("gain of", 25, ("by_lag",))
            for name, above in (("lab", "A whole network"), ("lab-exercises", "Both together")):
                if name == "lab-exercises":
                    if scheme == "dark":
                        continue
                    lab.answer(5, 1.2)
                lab.scroll(above)
                if name == "lab":  # its verdict and chart, below the words
                    lab.page.evaluate("find('.card')[0].scrollIntoView()")
                    lab.page.wait_for_timeout(300)
                lab.page.screenshot(path=IMAGES / f"{name}-{scheme}.png")


def phase() -> None:
    """Gain against input variance, tanh."""
    swept = bptt.sweep(
        {"gain": "0.5:3:26", "input_variance": "0:2:21", "seed": "0:2"},
        base=Configuration(init="gaussian", hidden=128),
        progress=True,
    )
    swept.save(IMAGES / "phase.svg")


def inits() -> None:
    """The gradient by lag for three initial weights, a band over five seeds each."""
    x = np.random.default_rng(0).standard_normal((80, 16, 3)).astype("float32")

    def measured(scheme: str, seed: int) -> bptt.Report:
        network = bptt.Network.init(3, 48, 2, scheme=scheme, loss_at="last", rng=seed)
        return bptt.diagnose(network, (x, np.zeros(16, int)))

    schemes = ("orthogonal", "gaussian", "pytorch")
    compared = bptt.compare({name: [measured(name, seed) for seed in range(5)] for name in schemes})
    compared.save(IMAGES / "inits.svg", width="two", height=85)


def screenshot(address: str, path: Path, scheme: str, ready: str) -> None:
    """The first screen of a page once an element is there."""
    with chromium() as browser:
        page = browser.new_page(viewport=SCREEN, color_scheme=scheme)
        page.goto(address)
        page.wait_for_selector(ready, timeout=60_000)
        page.screenshot(path=path)


# A picture more is a function more.
PICTURES: dict[str, Callable[[], None]] = {
    "by_lag": by_lag,
    "report": first_screen,
    "prognosis": looked_ahead,
    "reliability": how_often_right,
    "lab": live_page,
    "phase": phase,
    "inits": inits,
} | published.PICTURES


if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
