"""The files that commands write: refused before the work is done whose result they are for."""

from pathlib import Path

from bptt.cli.context import refuse


def check_page(report: Path, no_report: bool) -> None:
    """Refuse a page that could not be written.

    Raises:
        OptionError: if it is no .html file, or none is wanted.
        FileError: if it cannot be written.
    """
    refuse(("report",), no_report, "with --no-report")
    if not no_report:
        check_ending(report, "report", (".html",))


def check_ending(path: Path, name: str, endings: tuple[str, ...]) -> None:
    """Refuse a file that has none of these endings, or could not be written.

    Args:
        path: of the file.
        name: of its option's parameter.
        endings: that it may have.

    Raises:
        OptionError, FileError: saying which.
    """
    from bptt import files

    files.as_ending(path, endings, name)
    files.check_writable(path)


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


def check_figure(
    path: Path | None, name: str, endings: tuple[str, ...], width: str | None, style: Path | None
) -> None:
    """Refuse a file that has none of these endings or could not be written, and sizes of what is no figure for print.

    Args:
        path: of the file, or None.
        name: of its option's parameter.
        endings: that it may have.
        width: as it was given, or None.
        style: likewise.

    Raises:
        OptionError, FileError: saying which.
    """
    from bptt.presentation.paper import ENDINGS
    from bptt.presentation.style import as_style

    figure = path is not None and path.suffix in ENDINGS
    without = f"without a figure ({', '.join(ENDINGS)}) in {name}"
    refuse(("width", "style"), not figure, without)
    if path is None:
        return
    check_ending(path, name, endings)
    as_style(style).width("one" if width is None else width)


CHARTS = (
    "by_lag", "memory", "shares", "gains", "parameters", "carry", "loss_steps", "errors", "truncation", "lyapunov",
)  # fmt: skip


def check_charts(paths: list[Path], width: str | None, style: Path | None) -> None:
    """Refuse files of charts that are none, or could not be written.

    Args:
        paths: each named by its chart.
        width: as it was given, or None.
        style: likewise.

    Raises:
        OptionError, FileError: saying which.
    """
    from bptt.errors import OptionError
    from bptt.presentation.paper import ENDINGS

    refuse(("width", "style"), not paths, "without --figure")
    for path in paths:
        if path.stem not in CHARTS:
            raise OptionError(
                "figure", "a file named by its chart: " + ", ".join(CHARTS), str(path),
                f"For example {Path(path.parent, 'by_lag').with_suffix(path.suffix or '.svg')}.",
            )  # fmt: skip
        check_figure(path, "figure", ENDINGS, width, style)
