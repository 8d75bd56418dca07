"""The files that commands write: refused before the work is done whose result they are for."""

from pathlib import Path

from bptt.cli.context import refuse


def check_page(report: Path, no_report: bool) -> None:
    """Refuse a page that could not be written.

    Raises:
        OptionError: if it is no .html file, or none is wanted.
        FileError: if it cannot be written.
    """
    from bptt import files
    from bptt.errors import OptionError

    refuse(("report",), no_report, "with --no-report")
    if no_report:
        return
    if report.suffix != ".html":
        raise OptionError("report", "a name ending in .html", str(report), "Rename it.")
    files.check_writable(report)


def check_new(out: Path, *, replaced: bool, cure: str) -> None:
    """Refuse a file that stands there already, or could not be written.

    Args:
        out: where to write.
        replaced: whether a file there may be replaced.
        cure: what to do if it may not.

    Raises:
        FileError: saying why.
    """
    from bptt import files
    from bptt.errors import FileError

    if files.exists(out) and not replaced:
        raise FileError(str(out), "a new file", "one that exists", cure)
    files.check_writable(out)
