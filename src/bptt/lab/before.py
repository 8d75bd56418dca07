"""Puts into the page that marimo sends what the server has drawn of it, so that it is read before the page's scripts have run."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from bptt.lab.first_screen import first_screen

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = b'<div id="root">'  # where marimo's page will be


class Before:
    """Answers as the app does, the page with its first screen.

    Args:
        app: that answers.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in ("", "/"):
            await self.app(scope, receive, send)
            return
        # or the browser would be told that it has the page, from a server of before
        scope["headers"] = [each for each in scope["headers"] if each[0] != b"if-none-match"]
        start: Message = {}
        body = b""

        async def held(message: "Message") -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            whole = body
            if start["status"] == 200 and ROOT in body:
                drawn = await asyncio.to_thread(first_screen, _asked(scope))
                whole = body.replace(ROOT, drawn.encode() + ROOT, 1)
            # "etag" is that of the page without it
            headers = [each for each in start["headers"] if each[0].lower() not in (b"content-length", b"etag")]  # fmt: skip
            start["headers"] = [*headers, (b"content-length", str(len(whole)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, held)


def _asked(scope: "Scope") -> dict[str, object]:
    """The parts of the link; a list where one is said more than once."""
    parts = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {name: said[0] if len(said) == 1 else said for name, said in parts.items()}
