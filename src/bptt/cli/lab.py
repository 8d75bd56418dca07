"""``bptt lab``: the live page."""

import os
from typing import Annotated

import typer


def lab(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Where to listen; from 2718 on the first that is free. 0: any free one.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="An address of this machine. 127.0.0.1 is for this machine alone; any that others reach, such "
            "as 0.0.0.0, asks them for a token."
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BPTT_LAB_TOKEN",
            help="The word to be known to see the page. Made, and printed in the address, if --host is not this "
            "machine alone.",
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser, only print the address.")
    ] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="The same, for a machine without a screen.")
    ] = False,
) -> None:
    """Open the live page: a network's numbers as sliders, and how far its gradient reaches as they move.

    Runs on this machine until Ctrl-C, and asks nothing of any other. Needs marimo and anywidget.

    Examples: bptt lab, bptt lab --no-browser --port 8000,
    on a server bptt lab --headless and at home ssh -L 2718:localhost:2718 server,
    bptt lab --host 0.0.0.0 --token "a long word"
    """
    from bptt.lab.server import serve

    serve(host, port, token, browser=not (no_browser or headless), say=_say)
    # The thread behind an open page waits for the page, or computes: Python would wait for it.
    os._exit(0)


def _say(line: str) -> None:
    print(line, flush=True)  # whoever reads it through a pipe waits for it
