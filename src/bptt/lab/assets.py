"""Files that a page is made of, sent from memory: it asks for two hundred and fifty of them before it shows anything.

Through marimo's own way each costs about three milliseconds: a chain of middleware, a thread that looks at the disk, and
pieces that are sent one by one. Their names hold a digest of what is in them, so that a browser may keep them for ever.
"""

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

AT = "/assets/"


def path_of(name: str, script: str) -> str:
    """Where the server answers with a script of our own.

    Args:
        name: of it.
        script: its text.
    """
    return f"/{name}-{hashlib.sha256(script.encode()).hexdigest()[:16]}.js"


class Assets:
    """Answers for the files, and lets everything else pass.

    Args:
        app: that answers everything else.
        folder: of the files. Only what lies in it now is sent.
        scripts: of our own, by their paths; a page is told of them before it asks.
    """

    def __init__(self, app: "ASGIApp", folder: Path, scripts: Mapping[str, str]) -> None:
        self.app = app
        self._scripts = {
            path: (text.encode(), b"text/javascript") for path, text in scripts.items()
        }
        early = ", ".join(f"<{path}>; rel=modulepreload" for path in scripts)
        self._link = (b"link", early.encode())
        self._files = {
            AT + path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file()
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path in ("", "/"):
            await self.app(scope, receive, self._told(send))
            return
        found = self._scripts.get(path)
        if found is None:
            if path not in self._files:
                await self.app(scope, receive, send)
                return
            found = _read(self._files[path])
        body, kind = found
        headers = [
            (b"content-type", kind), (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"), (b"x-content-type-options", b"nosniff"),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _told(self, send: "Send") -> "Send":
        """Sends an answer on, with the scripts that it will ask for."""

        async def sent(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), self._link]
            await send(message)

        return sent


@lru_cache(maxsize=512)  # a page asks for half as many, 7 MB in all
def _read(path: Path) -> tuple[bytes, bytes]:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = "; charset=utf-8" if kind.startswith("text/") else ""
    return path.read_bytes(), f"{kind}{text}".encode()
