"""``bptt derive``: the lecture's equations, made with SymPy."""

from typing import Annotated

import typer

from bptt.cli.context import refuse
from bptt.cli.options import Json
from bptt.cli.panels import MODEL, OUTPUT


def derive(
    steps: Annotated[
        int, typer.Option(help="Number of time steps to unroll.", rich_help_panel=MODEL)
    ] = 3,
    form: Annotated[
        str,
        typer.Option(help="scalar (one unit, as in the lecture) or matrix.", rich_help_panel=MODEL),
    ] = "scalar",
    latex: Annotated[
        bool,
        typer.Option(
            "--latex", help="Print LaTeX (amsmath) instead of text.", rich_help_panel=OUTPUT
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Derive the lecture's equations (1) to (7), unroll them over any number of steps (8), and give a lag of the gradient (9).

    SymPy differentiates the equations, and the result is compared with SymPy's derivative of the network
    written out step by step.

    Examples:
      bptt derive --steps 5
      bptt derive --form matrix --latex
    """
    from bptt.derivation import Derivation

    refuse(("latex",), json, "with --json, which holds both")
    derivation = Derivation(steps, form)  # type: ignore[arg-type]  # refused at that door
    checked = derivation.check()
    if json:
        from json import dumps

        document = {
            "form": form,
            "steps": steps,
            "checked_steps": checked,
            "text": derivation.text(),
            "latex": derivation.latex(),
        }
        print(dumps(document, ensure_ascii=False, indent=1))
        return
    print(derivation.latex() if latex else derivation.text())
    mark = "% " if latex else ""
    print(
        f"\n{mark}Checked: equal to SymPy's derivative of the network written out over "
        f"{checked} step{'s' * (checked > 1)}."
    )
