"""A report shows itself in notebooks."""

import subprocess
import sys
import textwrap
import time
import urllib.request
from socket import socket

import pytest

pytest.importorskip("altair")
pytest.importorskip("IPython")

from IPython.core.formatters import DisplayFormatter

NOTEBOOK = """
    import marimo

    app = marimo.App()


    @app.cell
    def _():
        import numpy as np
        import bptt

        net = bptt.Network.init(inputs=3, hidden=16, outputs=2, loss_at="last", rng=0)
        x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
        bptt.diagnose(net, (x, np.zeros(8, int)))
        return


    if __name__ == "__main__":
        app.run()
"""


def test_jupyter_takes_the_page_and_it_draws(report, browser, tmp_path):
    shown, _ = DisplayFormatter().format(report)
    assert set(shown) == {"text/html", "text/plain"}
    frame = shown["text/html"]
    assert frame.startswith("<iframe srcdoc=")
    assert "<script" not in frame  # escaped: the page is the frame's own document
    (tmp_path / "cell.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{frame}")
    check_frame(browser, (tmp_path / "cell.html").as_uri())


def check_frame(browser, url):
    """The frame holds the drawn page and is as high as it."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(url)
    element = page.wait_for_selector("iframe", timeout=60_000)
    frame = element.content_frame()
    frame.wait_for_selector("body[data-drawn]", timeout=30_000)
    assert frame.locator("svg.marks").count() == int(frame.get_attribute("body", "data-drawn")) > 5
    assert frame.inner_text("h1 strong") in ("Yes", "No")

    def height():
        return element.bounding_box()["height"], frame.evaluate(
            "document.documentElement.offsetHeight"
        )

    assert 0 <= height()[0] - height()[1] < 10
    frame.locator("summary").first.press("Enter")  # the table takes room
    page.wait_for_timeout(300)
    assert 0 <= height()[0] - height()[1] < 10
    page.close()


def test_marimo_draws_it(browser, tmp_path):
    pytest.importorskip("marimo")
    notebook = tmp_path / "notebook.py"
    notebook.write_text(textwrap.dedent(NOTEBOOK))
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "-m",
        "marimo",
        "run",
        str(notebook),
        "--headless",
        "--port",
        str(port),
        "--no-token",
    ]
    server = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "marimo did not start"
                time.sleep(0.5)
        check_frame(browser, url)
    finally:
        server.terminate()
        server.wait(20)
