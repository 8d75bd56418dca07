"""The page of four layers where it is shown: a projector, a desk, a telephone."""

import numpy as np
import pytest

pytest.importorskip("altair")

import bptt

torch = pytest.importorskip("torch")

SIZES = """() => ({
    text: parseFloat(getComputedStyle(document.body).fontSize),
    width: document.querySelector("main").getBoundingClientRect().width,
    small: Math.min(...[...document.querySelectorAll("main p, main td, .chart text")].filter(each => each.getBoundingClientRect().width)
        .map(each => parseFloat(getComputedStyle(each).fontSize) * (each.closest("svg")
            ? each.closest("svg").getBoundingClientRect().width / each.closest("svg").viewBox.baseVal.width : 1))),
    wraps: [...document.querySelectorAll(".pair .code")].some(
        each => each.clientHeight > 1.4 * parseFloat(getComputedStyle(each).fontSize) * (each.textContent.split("\\n").length + .9)),
    out: document.documentElement.scrollWidth > innerWidth,
    over: [...document.querySelectorAll(".chart svg")].some(svg => svg.getBoundingClientRect().right > svg.closest("figure").getBoundingClientRect().right + 1),
})"""


@pytest.fixture(scope="module")
def page_of_four_layers(tmp_path_factory):
    seed = torch.manual_seed(0)

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(3, 12, 4)
            self.head = torch.nn.Linear(12, 2)

        def forward(self, x):
            return self.head(self.lstm(x)[0][-1])

    def loss(model, batch):
        return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])

    model, rng = Reader(), np.random.default_rng(seed.initial_seed())
    x = torch.tensor(rng.normal(size=(60, 8, 3)), dtype=torch.float32)
    report = bptt.diagnose(model, (x, torch.arange(8) % 2), loss, needed_lag=40, progress=False)
    return report.save(tmp_path_factory.mktemp("page") / "four.html")


def seen(browser, path, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-drawn]")
    try:
        return page.evaluate(SIZES)
    finally:
        page.close()


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 800), (390, 844)])
def test_nothing_is_cut_off_or_sticks_out(width, height, browser, page_of_four_layers):
    found = seen(browser, page_of_four_layers, width, height)
    assert not found["out"]
    assert not found["over"]
    assert found["small"] >= 12
    if width > 1000:
        assert not found["wraps"]  # the lines of code to paste stand as they are


def test_a_projector_shows_it_larger(browser, page_of_four_layers):
    desk, wall, huge = (
        seen(browser, page_of_four_layers, *size)
        for size in ((1280, 800), (1920, 1080), (3840, 2160))
    )
    assert desk["text"] == 16
    assert wall["text"] >= 20
    assert wall["small"] >= 15  # in the charts too
    assert wall["width"] > 0.75 * 1920
    assert huge["text"] == 40
