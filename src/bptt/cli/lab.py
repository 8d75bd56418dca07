"""``bptt lab``: the live page."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bptt.cli.context import refuse
from bptt.cli.panels import OUTPUT, SERVER
from bptt.extras import needing


def lab(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on. The default is the first free one from 2718 on; 0 is any free one.",
            rich_help_panel=SERVER,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address of this machine to listen on. Only this machine can reach 127.0.0.1; any other address, "
            "such as 0.0.0.0, needs a token.",
            rich_help_panel=SERVER,
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BPTT_LAB_TOKEN",
            help="Word that visitors must know. If --host is reached from other machines, one is made "
            "and printed as part of the address.",
            rich_help_panel=SERVER,
        ),
    ] = None,
    no_browser: Annotated[
        bool,
        typer.Option(
            "--no-browser",
            "--headless",
            help="Open no browser, only print the address.",
            rich_help_panel=SERVER,
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write the lesson as one file that needs no server and no network, and end: one unit moves, "
            "the whole network is drawn from stored results.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
) -> None:
    """Open the live page: a network's numbers as sliders, and how far its gradient reaches as they move.

    It runs on this machine until Ctrl-C, and asks nothing of any other. It needs bptt[lab]. To see the page of a
    server at home, run bptt lab --headless there and ssh -L 2718:localhost:2718 server here.

    Examples:
      bptt lab
      bptt lab --no-browser --port 8000
      bptt lab --host 0.0.0.0 --token "a long word"
      bptt lab --export lesson.html
    """
    without = "where a file is written and nothing is served"
    refuse(("port", "host", "token", "no_browser"), export is not None, without)
    if export is not None:
        with needing("lab", "--export"):
            from bptt.lab.edition import save
        _say(f"Written: {save(export)}")
        return
    from bptt.lab.server import serve

    serve(host, port, token, browser=not no_browser, say=_say)
    # The thread behind an open page waits for the page, or computes: Python would wait for it.
    os._exit(0)


def _say(line: str) -> None:
    print(line, flush=True)  # whoever reads it through a pipe waits for it
