"""The live page's server: marimo's ASGI app behind a door of our own, run by uvicorn in this process.

Why not ``marimo run`` in a second process: that asks in the terminal whether to stop, lists itself in the user's
folders, and takes a port between looking for it and opening it. Here the socket is open before the address is
printed, there is no child that could be left over, and nothing reaches marimo that the door (``door``) does not let pass. With no
token a host must be one of this machine's: no foreign page reads this one by renaming its host.
"""

import errno
import ipaddress
import mimetypes
import os
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bptt.arrays import as_whole
from bptt.errors import OptionError
from bptt.extras import needing
from bptt.files import reason
from bptt.lab.assets import Assets
from bptt.lab.door import Door
from bptt.lab.places import STAYS, Places

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PAGE = Path(__file__).with_name("page.py")
PORT = 2718
TRIED = 100  # ports from PORT on, before the system chooses


def serve(
    host: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    *,
    browser: bool = True,
    page: Path = PAGE,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the live page until Ctrl-C or SIGTERM, after which the threads behind open pages are still there.

    Args:
        host: where to listen.
        port: which port; from 2718 on the first that is free if not given.
        token: a word without which no page is shown; on a host other than loopback one is made if not given.
        browser: whether to open one.
        page: the notebook.
        say: is given the lines for the user, once the address answers.

    Raises:
        OptionError: if marimo is missing, the token is empty, the host is none of this machine's or the port
            is taken.
    """
    with needing("lab", "lab"):
        import anywidget  # noqa: F401
        import marimo  # noqa: F401
    if token is not None and not token.strip():
        raise OptionError("token", "a word", repr(token), "Leave it out, and one is made.")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as Ctrl-C does
    try:
        with listening(host, port) as opened:
            at, number = opened.getsockname()[:2]
            loopback = ipaddress.ip_address(at.partition("%")[0]).is_loopback
            if token is None and not loopback:
                token = secrets.token_urlsafe(16)
            lines = _lines(host, at, number, port, token, loopback)

            def started() -> None:
                for line in lines:
                    say(line)
                if browser:  # which may block until the user closes it
                    address = lines[0].rpartition(" ")[2]
                    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

            from bptt.lab.memory import one_heap, swept_often
            from bptt.lab.ready import make_ready

            one_heap()
            make_ready()  # or the first page would wait for it
            app = _app(page, token, {host, at})
            with swept_often():
                _run(app, opened, started)
    except KeyboardInterrupt:
        pass  # the way it is meant to end
    finally:
        signal.signal(signal.SIGTERM, before)


def listening(host: str, port: int | None) -> socket.socket:
    """An open socket: at the port, or from 2718 on at the first that is free.

    Raises:
        OptionError: if the host is none of this machine's, or the port is none, taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise OptionError(
            "host", "an address or a name of this machine", f"{host!r} ({reason(error)})",
            "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all its addresses.",
        ) from error  # fmt: skip
    if port is not None:
        port = as_whole(
            "port", port, least=0, most=65535, cure="Leave it out for the first that is free."
        )
    for number in (*range(PORT, PORT + TRIED), 0) if port is None else (port,):
        try:
            return _prompt(socket.create_server((str(address[0]), number), family=family))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise OptionError(
                    "host", "an address of this machine", repr(host), "Use 0.0.0.0 for all of them."
                ) from error
            refused = error
    raise OptionError(
        "port", "a port that is free and allowed", f"{port} ({reason(refused)})",
        "Leave it out for the first that is free.",
    ) from refused  # fmt: skip


def _prompt(opened: socket.socket) -> socket.socket:
    """The socket, known to be TCP: asyncio lets small messages wait (Nagle, 40 ms each) on one that does not say so."""
    return socket.socket(opened.family, opened.type, socket.IPPROTO_TCP, opened.detach())


def _lines(
    host: str, at: str, number: int, port: int | None, token: str | None, loopback: bool
) -> list[str]:
    """What the user is told; the first ends in the address."""
    ending = f":{number}/" + (f"?access_token={quote(token, safe='')}" if token else "")
    everywhere = ipaddress.ip_address(at.partition("%")[0]).is_unspecified
    name = ("[::1]" if ":" in at else "127.0.0.1") if everywhere else host
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    lines = [f"The live page: http://{name}{ending}"]
    if everywhere:
        lines.append(f"From other machines: http://{socket.gethostname()}{ending}")
    if not loopback:
        lines.append(
            "Anyone with the token can use the page. The token travels unencrypted: use it only in a network you trust."
        )
    if port is None and number != PORT:
        lines.append(f"Port {PORT} is taken; the page is at {number}.")
    return [*lines, "Ctrl-C ends it."]


def _app(page: Path, token: str | None, names: set[str]) -> "ASGIApp":
    """The notebook as an app, behind the door."""
    os.environ.setdefault("MARIMO_RESTRICT_SHARING", "true")  # no buttons that lead elsewhere
    os.environ["MARIMO_SERVER_TRANSPORT"] = "websocket"  # the door lets in no other
    import marimo
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from bptt.lab import first_screen, live
    from bptt.lab.before import Before
    from bptt.lab.memory import formatters_once
    from bptt.lab.parsing import one_at_a_time

    one_at_a_time()
    formatters_once()

    for kind, ending in (
        ("text/javascript", ".js"), ("text/css", ".css"), ("image/svg+xml", ".svg"),
    ):  # fmt: skip
        mimetypes.add_type(kind, ending)  # Windows' registry may say otherwise
    made = marimo.create_asgi_app(quiet=True, token=token, session_ttl=STAYS)
    app = made.with_app(path="", root=str(page)).build()
    static = Path(marimo.__file__).with_name("_static") / "assets"
    own = {each.script_at(): each.script() for each in (live, first_screen)}
    guarded = Door(Assets(Before(app), static, own), own_pages_only=token is None, places=Places())
    if token is not None:
        return guarded
    hosts = {"localhost", "127.0.0.1", "::1"} | names
    return TrustedHostMiddleware(
        guarded, [f"[{host}]" if ":" in host else host for host in hosts], www_redirect=False
    )


def _run(app: "ASGIApp", opened: socket.socket, started: Callable[[], None]) -> None:
    """Serve until a signal, which is then raised again."""
    import uvicorn

    class Server(uvicorn.Server):
        """Says when it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", server_header=False,
        timeout_graceful_shutdown=1,  # an open page would hold it for ever
        timeout_keep_alive=300,  # no connection is closed just when a slider moves
        ws_ping_timeout=60,  # a page that computes is silent for a while
    )  # fmt: skip
    Server(config).run(sockets=[opened])
