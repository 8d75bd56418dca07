"""Tables of the pages that a command makes, each between a mark with its name and the next `<!-- end -->`."""

import sys
from pathlib import Path


def filled(page: str, name: str, made: str) -> str:
    """The page with other text between the marks of a name.

    Args:
        page: its text; it must have the mark once.
        name: in `<!-- name -->`.
        made: what is to stand there.
    """
    begin = f"<!-- {name} -->\n"
    before, rest = page.split(begin)
    after = rest.split("<!-- end -->", 1)[1]
    return f"{before}{begin}{made}\n<!-- end -->{after}"


def printed_or_written(path: Path, name: str, made: str) -> None:
    """Print it; with --write on the command line put it into the page.

    Args:
        path: of the page.
        name: of the mark.
        made: the table.
    """
    if "--write" in sys.argv[1:]:
        path.write_text(filled(path.read_text(), name, made))
    else:
        print(made)
