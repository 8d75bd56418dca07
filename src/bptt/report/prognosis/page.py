"""A prognosis as one HTML file, and as the box that a diagnosis shows of it."""

from typing import Any

from bptt.presentation.figure import Figure
from bptt.presentation.template import drawable, rendered
from bptt.prognoses import Prognosis
from bptt.report.prognosis.figures import figures
from bptt.report.prognosis.sentences import done, how_sure, numbers, opening, sentence, why


def page(prognosis: Prognosis, title: str, facts: tuple[tuple[str, str], ...]) -> str:
    """The whole file as text.

    Args:
        prognosis: of the look ahead.
        title: what was measured.
        facts: (name, value) pairs about data and training.
    """
    ahead, drawn = box(prognosis)
    return rendered(
        "prognosis.html.j2",
        drawn,
        title=title,
        facts=facts,
        sentence=sentence(prognosis),
        ahead=ahead,
    )


def box(prognosis: Prognosis) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the templates show of a prognosis, and all its figures."""
    drawn = [drawable(figure, "ahead-") for figure in _without_empty(figures(prognosis))]
    heads, rows = numbers(prognosis)
    return {
        "tone": prognosis.verdict.replace(" ", "-"),
        "opening": opening(prognosis),
        "why": why(prognosis),
        "caveat": prognosis.caveat,
        "stopped": None if prognosis.diverged else prognosis.stopped,
        "remarks": prognosis.remarks,
        "done": done(prognosis),
        "how_sure": how_sure(),
        "three": drawn[:3],
        "more": drawn[3:],
        "heads": heads,
        "rows": rows,
    }, drawn


def _without_empty(all_of_them: list[Figure]) -> list[Figure]:
    """The first three always; of the others those that have something to draw."""
    return [*all_of_them[:3], *(each for each in all_of_them[3:] if each.chart is not None)]
