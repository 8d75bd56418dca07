"""The campaign of many readers: a few of them for a few seconds, and that it sees what is wrong."""

import json
import random
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

pytest.importorskip("marimo")
pytest.importorskip("psutil")

import psutil
from campaign.live import table
from campaign.live.crowd import crowd
from campaign.live.reader import Seen, reads

from bptt.lab.places import FULL


def test_three_readers_at_once_get_what_they_ask_for(served, at):
    found = crowd(at.port, psutil.Process(served[0].pid), clients=3, seconds=4, rest=0, seed=0)
    assert found.seen.wrong == []
    assert len(found.seen.opened) == 3
    assert len(found.seen.moved) >= 3
    assert found.seen.files > 3 * 100
    assert found.most.children == 0
    assert found.most.threads >= found.before.threads + 3 - 1  # a notebook each
    assert min(found.alive) > 0


@contextmanager
def answering(status, text):
    """A server that says the same to everybody: its port."""

    class Says(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "text", "full", "wrong"),
    [
        (503, FULL + "\n", 1, []),
        (503, "busy", 0, ["Wrong: / was answered with 503: 'busy'"]),
        (200, "another page", 0, ["Wrong: the page has no"]),
        (200, '"serverToken": "1"', 0, ["Wrong: its websocket did not open"]),
    ],
)
def test_it_tells_a_full_server_from_one_that_fails(status, text, full, wrong):
    seen = Seen()
    with answering(status, text) as port:
        reads(port, time.monotonic() + 60, random.Random(0), seen, lambda seconds: False)
    assert seen.full == full
    assert [said[: len(start)] for said, start in zip(seen.wrong, wrong, strict=True)] == wrong
    assert not seen.opened


def test_the_page_shows_what_was_stored():
    found = json.loads(table.RESULTS.read_text())
    assert found["clients"] == 50
    assert found["seconds"] >= 60
    assert table.table() in table.PAGE.read_text()
