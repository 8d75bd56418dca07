"""``bptt compare``: saved reports, or the points of a sweep, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.context import refuse
from bptt.cli.options import Json, Style, Width
from bptt.cli.panels import OUTPUT

if TYPE_CHECKING:
    from bptt.comparison import Comparison

DATABASE = b"SQLite format 3\0"  # the first bytes of one


def compare(
    reports: Annotated[
        list[str],
        typer.Argument(
            help="Reports saved as .json; several of one group, one per seed, as NAME=FILE,FILE,... Or the file of a sweep.",
            show_default=False,
        ),
    ],
    what: Annotated[
        str,
        typer.Option(
            help="Curve by lag: log10_norm, log10_signal, share, cumulative, gain, bias_window, "
            "bias_chunks or another column of the report's table.",
            rich_help_panel=OUTPUT,
        ),
    ] = "log10_norm",
    band: Annotated[
        str,
        typer.Option(
            help="Band over the runs of a group: quartiles (around the median), range (smallest to largest) or "
            "stderr (one standard error around the mean).",
            rich_help_panel=OUTPUT,
        ),
    ] = "quartiles",
    layer: Annotated[
        str | None,
        typer.Option(help="Name of the layer. The default is the one that decides the verdict."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(help='"before training" or "after training". The default is the last.'),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Of a sweep: the field whose values make the groups, or several separated by commas. The default is all that vary but the seed."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a sweep: the points to take, as FIELD=VALUE or FIELD=VALUE,VALUE. May be given several times.",
            metavar="FIELD=VALUE",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write: the figure (.pdf, .svg, .png), a page (.html) or the curves (.csv, .parquet, .nc).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    width: Width = None,
    style: Style = None,
    json: Json = False,
) -> None:
    """Compare saved reports: one figure by lag with a band over seeds, and one table.

    A report is saved by bptt diagnose --json > report.json, or by report.save("report.json") in Python. The file of a sweep
    holds the curves of all of its points.

    Examples:
      bptt compare o0.json p0.json
      bptt compare orthogonal=o0.json,o1.json pytorch=p0.json,p1.json --out inits.pdf --width one
      bptt compare sweep.sqlite --by init --where gain=1 --out inits.pdf
    """
    from rich.console import Console

    from bptt.cli.output import check_figure
    from bptt.comparison import compare as compared

    endings = (".pdf", ".svg", ".png", ".html", ".csv", ".parquet", ".nc")
    check_figure(out, "out", endings, width, style)
    if len(reports) == 1 and _is_sweep(reports[0]):
        refuse(("stage",), True, "for a sweep, whose points are measured before training")
        comparison = _of_sweep(reports[0], by, where or [], what, band, layer)
    else:
        refuse(("by", "where"), True, "without the file of a sweep")
        comparison = compared(_groups(reports), what, band=band, layer=layer, stage=stage)
    if out is not None:
        comparison.save(out, width=width, style=style)
    if json:
        print(comparison.to_json())
        return
    Console().print(comparison)
    if out is not None:
        print(f"saved: {out}")


def _is_sweep(word: str) -> bool:
    """Whether a word is the path of a database."""
    path = Path(word)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(DATABASE)) == DATABASE


def _of_sweep(
    path: str, by: str | None, where: list[str], what: str, band: str, layer: str | None
) -> "Comparison":
    """The points of a sweep in groups.

    Raises:
        OptionError, FileError: as ``Sweep.compare``.
    """
    from bptt.sweeps import open as open_sweep

    swept = open_sweep(path).where(**dict(map(_field, where)))
    fields = None if by is None else [name.strip() for name in by.split(",")]
    return swept.compare(fields, what, band=band, layer=layer)


def _field(words: str) -> tuple[str, list[Any]]:
    """A field and its values.

    Raises:
        OptionError: if it is not written so, or there is no such field.
    """
    from bptt.errors import OptionError
    from bptt.sweeps.plan.axes import NAMES, as_axis

    name, equals, values = words.partition("=")
    if not equals or name not in NAMES:
        raise OptionError(
            "where", "FIELD=VALUE with a field of a sweep: " + ", ".join(NAMES), repr(words), "For example gain=1."
        )  # fmt: skip
    return name, list(as_axis(name, values).on_grid())


def _groups(words: list[str]) -> dict[str, list[str]]:
    """{name: files}; a file without a name is a group of its own.

    Raises:
        OptionError: if a name comes twice.
    """
    from bptt.errors import OptionError

    groups: dict[str, list[str]] = {}
    for word in words:
        name, named, files = word.partition("=")
        if not named or Path(word).is_file():
            name, files = Path(word).stem, word
        if name in groups:
            raise OptionError(
                "reports", "a name for each group", f"{name!r} twice",
                f"Write {name}=FILE,FILE for one group, or other names.",
            )  # fmt: skip
        groups[name] = [file for file in files.split(",") if file]
    return groups
