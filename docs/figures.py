"""The pictures of the README and the docs: python -m docs.figures [names] (make docs)."""

import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.chromium import chromium
from tests.lab.driver import opened

import bptt
from bptt.configuration import Configuration
from bptt.data import Text
from bptt.data.text import chunk, streams
from bptt.diagnosis import diagnose_network
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
        facts=(("Data", text.name), ("training", f"{UPDATES} updates by Adam")),
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


def live_page() -> None:
    """The live page where the whole network begins, and its exercises."""
    for scheme in ("light", "dark"):
        with chromium() as browser, opened(browser, viewport=SCREEN, color_scheme=scheme) as lab:
            lab.slide("gain of", 25, ("by_lag",))
            for name, above in (("lab", "A whole network"), ("lab-exercises", "Try yourself")):
                if name == "lab-exercises":
                    if scheme == "dark":
                        continue
                    lab.answer(0, 1.2)
                lab.scroll(above)
                lab.page.screenshot(path=IMAGES / f"{name}-{scheme}.png")


def phase() -> None:
    """Gain against input variance, tanh."""
    swept = bptt.sweep(
        {"gain": "0.5:3:26", "input_variance": "0:2:21", "seed": "0:2"},
        base=Configuration(init="gaussian", hidden=128),
        progress=True,
    )
    swept.save(IMAGES / "phase.svg")


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
    "lab": live_page,
    "phase": phase,
}


if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
