"""``bptt compare``: saved reports side by side."""

from pathlib import Path
from typing import Annotated

import typer

from bptt.cli.options import Json, Style, Width
from bptt.cli.panels import OUTPUT


def compare(
    reports: Annotated[
        list[str],
        typer.Argument(
            help="Reports saved as .json; several of one group, one per seed, as NAME=FILE,FILE,...",
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
    """Set saved reports beside one another: one figure by lag with a band over seeds, and one table.

    A report is saved by bptt diagnose --json > report.json, or by report.save("report.json") in Python.

    Examples:
      bptt compare o0.json p0.json
      bptt compare orthogonal=o0.json,o1.json pytorch=p0.json,p1.json --out inits.pdf --width one
    """
    from rich.console import Console

    from bptt.cli.output import check_figure
    from bptt.comparison import compare as compared

    endings = (".pdf", ".svg", ".png", ".html", ".csv", ".parquet", ".nc")
    check_figure(out, "out", endings, width, style)
    comparison = compared(_groups(reports), what, band=band, layer=layer, stage=stage)
    if out is not None:
        comparison.save(out, width=width, style=style)
    if json:
        print(comparison.to_json())
        return
    Console().print(comparison)
    if out is not None:
        print(f"saved: {out}")


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
