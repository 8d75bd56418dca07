"""The command line: parsing and printing, nothing else.

Every command imports what it needs when it runs, so that ``--help`` answers at once.
"""

import sys
from typing import Annotated

import typer

from bptt.cli.command import Command, Group
from bptt.cli.compare import compare
from bptt.cli.derive import derive
from bptt.cli.diagnose import diagnose
from bptt.cli.doctor import doctor
from bptt.cli.lab import lab
from bptt.cli.prognosis import prognosis
from bptt.cli.remedies import remedies
from bptt.cli.sweep import sweep
from bptt.cli.tasks import tasks
from bptt.cli.train import train
from bptt.cli.verify import verify

app = typer.Typer(
    name="bptt",
    cls=Group,
    help="How far back in time a recurrent network's gradient reaches, why no further, and what to "
    "change.\n\nEvery command has a --help of its own, with examples.\n\n"
    "Start with:\n  bptt diagnose\n  bptt diagnose --model weights.pt --data batch.npz",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    diagnose, prognosis, remedies, train, lab, sweep, compare, tasks, verify, derive, doctor,
):  # fmt: skip
    app.command(cls=Command)(command)


def _version(wanted: bool) -> None:
    if wanted:
        from bptt.kernels import path
        from bptt.version import __version__

        print(f"bptt {__version__} ({path()})")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version, and which loops run.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    from bptt.errors import BpttError

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # no σ in an ASCII terminal
    try:
        app()
    except BpttError as error:
        print(f"bptt: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"bptt: not enough memory: {error}. Pass smaller sizes.", file=sys.stderr)
        sys.exit(2)
