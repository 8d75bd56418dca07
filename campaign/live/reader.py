"""A reader of the live page as the server meets one: the page, its files, its websocket, and sliders that move.

What Chromium asks for when it opens the page was recorded, and a reader asks for the same: the page, the files that it
names, the websocket of a session, the widgets' scripts, and for every move one message, whose answer comes by the websocket.
"""

import http.client
import json
import random
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import unescape

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from bptt.lab.places import FULL

PATIENCE = 60.0  # seconds in which an answer must come
AGAIN = 5.0  # seconds until one who found the server full asks anew
VISIT = (10.0, 40.0)  # seconds for which a page stays open
THINKS = (1.0, 4.0)  # seconds between two moves
FILE = re.compile(r'(?:src|href)="\./([^"]+)"')
WIDGET = re.compile(r"@file/[\w.-]+")
ELEMENT = re.compile(r"<marimo-ui-element object-id='([^']+)'[^>]*><marimo-slider ([^>]*)>")
FACT = re.compile(r"data-([a-z-]+)='([^']*)'")
BAD = "application/vnd.marimo+error"


class Wrong(Exception):
    """An answer that no reader should get, in a sentence."""


class Full(Exception):
    """The server said that all places are taken."""


@dataclass
class Seen:
    """What readers saw.

    Attributes:
        opened: seconds until each page stood, all its cells computed.
        moved: seconds until each move was answered.
        files: files that came.
        full: times that the server said that it is full.
        wrong: sentences.
    """

    opened: list[float] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    files: int = 0
    full: int = 0
    wrong: list[str] = field(default_factory=list)


class Visit:
    """One page, open.

    Args:
        port: of the server, on loopback.
        seen: is added to.
        draw: where random numbers come from.
    """

    def __init__(self, port: int, seen: Seen, draw: random.Random) -> None:
        self._at = f"127.0.0.1:{port}"
        self._seen, self._draw = seen, draw
        self._open = ExitStack()
        self._http = http.client.HTTPConnection(self._at, timeout=PATIENCE)
        self._open.callback(self._http.close)
        self._session = "s_" + "".join(draw.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=6))
        self._sliders: dict[str, list[float]] = {}
        try:
            self._opens()
        except BaseException:
            self._open.close()
            raise

    def _opens(self) -> None:
        began = time.monotonic()
        page = self._get("/", {"Accept": "text/html"})
        self._token = _found(r'"serverToken": ?"([^"]+)"', page)
        self._files(FILE.findall(page))
        self._socket = self._connected()
        self._listen()
        self._seen.opened.append(time.monotonic() - began)

    def move(self) -> None:
        """Move a slider that the draw chooses to one of its places, and wait until everything that follows is there."""
        name = self._draw.choice(sorted(self._sliders))
        value = self._draw.choice(self._sliders[name])
        began = time.monotonic()
        body = json.dumps({"objectIds": [name], "values": [value]})
        headers = {
            "Content-Type": "application/json", "Origin": f"http://{self._at}",
            "Marimo-Session-Id": self._session, "Marimo-Server-Token": self._token,
        }  # fmt: skip
        self._http.request("POST", "/api/kernel/set_ui_element_value", body, headers)
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise Wrong(f"a move was answered with {answer.status}: {said[:200]!r}")
        self._listen()
        self._seen.moved.append(time.monotonic() - began)

    def close(self) -> None:
        """The reader goes away."""
        self._open.close()

    def _get(self, path: str, headers: dict[str, str] | None = None) -> str:
        self._http.request("GET", path, headers=headers or {})
        answer = self._http.getresponse()
        said = answer.read().decode(errors="replace")
        if answer.status == 503 and said.strip() == FULL:
            raise Full
        if answer.status != 200:
            raise Wrong(f"{path} was answered with {answer.status}: {said[:200]!r}")
        return said

    def _files(self, paths: list[str]) -> None:
        for path in paths:
            self._get(f"/{path}")
        self._seen.files += len(paths)

    def _connected(self) -> ClientConnection:
        try:
            socket = connect(
                f"ws://{self._at}/ws?session_id={self._session}", origin=f"http://{self._at}",  # type: ignore[arg-type]
                max_size=None, open_timeout=PATIENCE, close_timeout=PATIENCE, ping_interval=None,
            )  # fmt: skip
            return self._open.enter_context(socket)
        except WebSocketException as refused:
            raise Wrong(f"its websocket did not open: {refused}") from None

    def _listen(self) -> None:
        """Take messages until the notebook has run to its end, then what they name."""
        widgets: set[str] = set()
        until = time.monotonic() + PATIENCE
        while True:
            try:
                message = str(self._socket.recv(timeout=max(0.0, until - time.monotonic())))
            except TimeoutError:
                raise Wrong(f"no answer came in {PATIENCE:g} s") from None
            except ConnectionClosed as closed:
                raise Wrong(f"its websocket was closed: {closed}") from None
            if BAD in message:
                raise Wrong(f"a cell failed: {message[:300]}")
            widgets.update(WIDGET.findall(message))
            if "marimo-slider" in message:
                self._sliders.update(_sliders(json.loads(message)["data"]["output"]["data"]))
            if message.startswith('{"op": "completed-run"'):
                if '"outcome":"succeeded"' not in message:
                    raise Wrong(f"a run did not succeed: {message[:300]}")
                break
        self._files(sorted(widgets))


def reads(
    port: int, until: float, draw: random.Random, seen: Seen, pause: Callable[[float], bool]
) -> None:
    """One reader after the other, on one machine, until the time is over.

    Args:
        port: of the server.
        until: of ``time.monotonic``.
        draw: where random numbers come from.
        seen: is added to.
        pause: waits for so many seconds, and tells whether to go on.
    """
    while time.monotonic() < until:
        try:
            visit = Visit(port, seen, draw)
        except Full:
            seen.full += 1
            if not pause(AGAIN):
                return
            continue
        except (Wrong, OSError, http.client.HTTPException) as error:
            seen.wrong.append(f"{type(error).__name__}: {error}")
            if not pause(AGAIN):
                return
            continue
        goes = min(until, time.monotonic() + draw.uniform(*VISIT))
        try:
            visit.move()
            while time.monotonic() < goes and pause(draw.uniform(*THINKS)):
                visit.move()
        except (Wrong, OSError, http.client.HTTPException) as error:
            seen.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            visit.close()


def _sliders(html: str) -> dict[str, list[float]]:
    """The places of each slider that a cell puts up, by its name."""
    found = {}
    for name, written in ELEMENT.findall(html):
        facts = {key: unescape(value) for key, value in FACT.findall(written)}
        if facts.get("disabled") == "true":
            continue
        start, stop = float(facts["start"]), float(facts["stop"])
        step = float(facts.get("step", 1))
        places = (round(start + step * n, 6) for n in range(int((stop - start) / step + 1.5)))
        found[name] = [int(place) if place.is_integer() else place for place in places]
    return found


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise Wrong(f"the page has no {pattern}")
    return found[1]
