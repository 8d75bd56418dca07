"""What every page needs before it shows anything, imported and computed once, before the first page is opened."""

from bptt.lab.page import app


def make_ready() -> None:
    """Run the page as a script, which shows it to nobody: whatever is kept from then on is there."""
    app.run()
