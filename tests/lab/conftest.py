"""The live page: one server for all tests that need none of their own, and the page opened once."""

import re
import signal
import socket
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest


@pytest.fixture(scope="package")
def served(tmp_path_factory):
    """A server with nothing asked for and its usual port taken, and what it said when it began; a signal ends it in the end."""
    pytest.importorskip("marimo")
    from bptt.lab.server import PORT
    from tests.lab.driver import ended, running, told

    cwd = tmp_path_factory.mktemp("lab")
    with ExitStack() as stack:
        with suppress(OSError):  # somebody else has taken it
            stack.enter_context(socket.create_server(("127.0.0.1", PORT)))
        process, lines = stack.enter_context(running(cwd=cwd, lines=3))
        yield process, lines
        ended(process, signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(told(lines)).port))
        assert not list(cwd.iterdir())


@pytest.fixture(scope="package")
def said(served):
    """What it said."""
    return served[1]


@pytest.fixture(scope="package")
def at(said):
    """Its address."""
    from tests.lab.driver import told

    return urlsplit(told(said))


@pytest.fixture(scope="package")
def lab(browser, at):
    from tests.lab.driver import Lab

    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    page = Lab(opened, at.geturl())
    yield page
    opened.close()
    # what stands below is true of everything that the tests did
    assert {re.match(r"\w+://[^/]+", url)[0] for url in page.asked if url.startswith("http")} == {
        page.address
    }
    assert not page.complaints
