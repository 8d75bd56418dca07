from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt.diagnosis import diagnose_network


class Visit:
    """One page, opened, with everything it asked for and complained of."""

    def __init__(self, browser, path: Path, scheme="light"):
        self.page = browser.new_page(viewport={"width": 900, "height": 1000}, color_scheme=scheme)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-drawn]", timeout=30_000)


@pytest.fixture
def visit(browser):
    opened = []

    def visit(path, scheme="light"):
        opened.append(Visit(browser, path, scheme))
        return opened[-1]

    yield visit
    for each in opened:
        each.page.close()


def random_case(seed, B=4, **options):
    rng = np.random.default_rng(seed)
    net = bptt.Network.init(3, 16, 4, "gaussian", rng=rng, **options)
    x = rng.normal(size=(40, B, 3)).astype("float32")
    return net, (x, rng.integers(4, size=(40, B)))


@pytest.fixture(scope="session")
def report():
    """Before and after on one batch, as the command makes it."""
    net, batch = random_case(0)
    other, _ = random_case(1, gain=1.6)
    return bptt.Report(
        diagnose_network(other, batch),
        before=diagnose_network(net, batch),
        title="A network </script><b>with a hostile title",
        facts=(("text", "none"),),
    )
