"""The door before marimo's app: who may ask for what, and what the browser may do with the answer.

a place     for so many pages at a time; whoever comes then is told so. Each has one websocket, and no other way in
a body      no longer than the largest upload
an origin   with no token only this page's own
an answer   for this page alone: no leave for others to read it, and a policy that lets the browser load
            and run what the page brings, and nothing else
"""

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bptt.lab.places import FULL, STAYS, Places
from bptt.lab.upload import MAX_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = MAX_BYTES * 4 // 3 + 2**20  # an upload comes in base64, with what belongs to it
TOO_LONG = f"Larger than {MAX_BYTES >> 20} MB, the largest upload."
EVENTS = "/sse"  # marimo's other way from the kernel to the page, which is not counted as one
NO_EVENTS = "This page comes by its websocket alone."
# what marimo sends when a notebook has run to its end, and to one that comes back to its own
STANDS = ('{"op": "completed-run"', '{"op": "reconnected"')
LONGEST = 5.0  # seconds for which the others wait for it
INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class Door:
    """Lets through what the page may be asked, and says what the browser may ask for it.

    Args:
        app: behind the door.
        own_pages_only: whether only the page itself may ask; False where a token is asked for.
        places: for pages.
    """

    def __init__(self, app: "ASGIApp", *, own_pages_only: bool, places: Places) -> None:
        self.app = app
        self.own_pages_only = own_pages_only
        self.places = places
        self._beginning = asyncio.Lock()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        from starlette.exceptions import HTTPException
        from starlette.responses import PlainTextResponse

        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        if (refused := self._refused(headers)) is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
            else:
                await PlainTextResponse(refused[1] + "\n", refused[0])(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._page(scope, receive, send)
            return
        if scope["path"].rstrip("/") == EVENTS:
            await PlainTextResponse(NO_EVENTS + "\n", 404)(scope, receive, send)
            return
        kept = None
        if scope["path"] in ("", "/"):
            shown = "text/html" in headers.get("accept", "")  # to a browser, which will come back
            if not self.places.free() or (shown and (kept := self.places.keep()) is None):
                answer = PlainTextResponse(FULL + "\n", 503, {"Retry-After": str(STAYS)})
                await answer(scope, receive, send)
                return
        length = 0

        async def counted() -> "Message":
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > BODY:
                raise HTTPException(413, TOO_LONG)
            return message

        guarded = Guarded(send)
        try:
            await self.app(scope, counted, guarded)
        finally:
            if kept is not None and guarded.status != 200:  # to log in, for example
                self.places.give_up(kept)

    async def _page(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """A page that opens, for as long as it is open."""
        from starlette.datastructures import QueryParams

        page = QueryParams(scope["query_string"]).get("session_id", "")  # as marimo reads it
        if not self.places.take(page):
            await send({"type": "websocket.close", "code": 1013, "reason": FULL})
            return
        turn = Turn(self._beginning, send)
        try:
            await self.app(scope, receive, turn)
        finally:
            turn.over()
            self.places.leave(page, came=turn.came)

    def _refused(self, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and reason, if it is."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > BODY:
            return 413, TOO_LONG
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
        if self.own_pages_only and foreign:
            return 403, "Only the page itself may ask for this."
        return None


class Turn:
    """Sends a page's messages on, and lets its notebook begin when those before it have run to their end.

    Notebooks that began at once would share the processor, and each would stand as late as the last.

    Args:
        beginning: is held by the one that begins.
        send: the server's.

    Attributes:
        came: whether the page was let in.
    """

    def __init__(self, beginning: asyncio.Lock, send: "Send") -> None:
        self.came = False
        self._beginning = beginning
        self._send = send
        self._mine = False
        self._late: asyncio.TimerHandle | None = None

    async def __call__(self, message: "Message") -> None:
        """One message."""
        await self._send(message)
        if message["type"] == "websocket.accept":  # the notebook begins when this call comes back
            self.came = True
            await self._beginning.acquire()
            self._mine = True
            self._late = asyncio.get_running_loop().call_later(LONGEST, self.over)
        elif self._mine and str(message.get("text", "")).startswith(STANDS):
            self.over()

    def over(self) -> None:
        """The next may begin."""
        if self._late is not None:
            self._late.cancel()
        if self._mine:
            self._mine = False
            self._beginning.release()


class Guarded:
    """Sends an answer on, with the policy; a page's is sent once its inline scripts are known.

    Args:
        send: the server's.

    Attributes:
        status: of the answer; 0 before there is one.
    """

    def __init__(self, send: "Send") -> None:
        self.status = 0
        self._send = send
        self._start: Message | None = None  # of a page, held until its body is complete
        self._page = b""

    async def __call__(self, message: "Message") -> None:
        """One message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                (name, value)
                for name, value in message.get("headers", [])
                if not name.lower().startswith(b"access-control-")
            ]
            message["headers"] = headers
            if message["status"] == 304:  # the browser has the page, with its policy
                await self._send(message)
                return
            if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                self._start = message
                return
            headers += _policy([])
        elif message["type"] == "http.response.body" and self._start is not None:
            self._page += message.get("body", b"")
            if message.get("more_body"):
                return
            self._start["headers"] += _policy(INLINE.findall(self._page))
            await self._send(self._start)
            message, self._start = {"type": "http.response.body", "body": self._page}, None
        await self._send(message)


def _policy(scripts: list[bytes]) -> list[tuple[bytes, bytes]]:
    """What tells the browser what it may do.

    Scripts are this server's own: its files, the widgets that it sends as data, and those that stand in the page, which
    are named by their digest. Styles stand in the elements' attributes all over marimo's interface and KaTeX's formulas,
    so those are let pass wherever they stand; a style runs nothing, and may load nothing from elsewhere.

    Args:
        scripts: that stand in the page itself.
    """
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    named = "".join(f" 'sha256-{digest}'" for digest in digests)
    policy = (
        f"default-src 'self' data: blob:; script-src 'self' data: blob:{named}; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
    )
    return [(b"content-security-policy", policy.encode())]
