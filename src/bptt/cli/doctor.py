"""``bptt doctor``: is this installation sound?"""

from typing import Annotated

import typer

from bptt.cli.panels import OUTPUT


def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)
    ] = False,
) -> None:
    """Examine this installation: versions, compiled loops, threads, a self-check, and which optional parts are missing.

    The self-check computes the gradient of small networks with the loops that are in use and compares it with textbook
    loops. It takes a few seconds. The exit code is 1 if a number is wrong. A missing part is not an error; the command that
    installs it is printed.

    Examples:
      bptt doctor
      bptt doctor --json
    """
    from bptt.installation import doctor as examine
    from bptt.presentation.progress import status

    with status() as update:
        update("comparing the loops with textbook loops")
        found = examine()
    if json:
        from json import dumps

        print(dumps(found.plain(), indent=1))
    else:
        print(found)
    if not found.healthy:
        raise typer.Exit(1)
