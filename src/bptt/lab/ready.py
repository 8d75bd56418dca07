"""What every page needs before it shows anything, imported and computed once, before the first page is opened."""

import sys

from bptt.lab.first_screen import first_screen
from bptt.lab.page import app


def make_ready() -> None:
    """Run the page as a script, which shows it to nobody: whatever is kept from then on is there.

    marimo would import matplotlib where it is installed, to close figures. There are none, and it takes half a second and
    starts other programs to look for fonts: for this run it is not there.
    """
    hidden = "matplotlib" not in sys.modules
    if hidden:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        app.run()
        first_screen({})
    finally:
        if hidden:
            del sys.modules["matplotlib"]
