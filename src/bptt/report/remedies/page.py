"""The report of remedies as one HTML file."""

from bptt.presentation.template import drawable, rendered
from bptt.remedies import UNCHANGED, Ranking
from bptt.report.remedies.figures import figures
from bptt.report.remedies.sentences import (
    best_name,
    came_out,
    columns,
    cost,
    done,
    how_ranked,
    to_set,
    why_not,
)


def page(ranking: Ranking, title: str, facts: tuple[tuple[str, str], ...]) -> str:
    """The whole file as text.

    Args:
        ranking: the remedies, ranked.
        title: what was measured.
        facts: (name, value) pairs about data and training.
    """
    heads, rows = columns(ranking)
    verdicts = [tried.diagnosis.decisive.verdict for tried in ranking.tried]
    remedies = [
        {
            "tried": tried,
            "training": to_set(tried),
            "cost": cost(ranking, tried),
            "stopped": tried.trial.stopped if tried.trial is not None else None,
        }
        for tried in ranking.tried
        if tried.name != UNCHANGED
    ]
    charts = [drawable(each) for each in figures(ranking)]
    return rendered(
        "remedies.html.j2",
        charts,
        title=title,
        facts=facts,
        first=best_name(ranking),
        came_out=came_out(ranking),
        done=done(ranking),
        how_ranked=how_ranked(ranking),
        tone=verdicts[0],
        heads=heads,
        rows=list(zip(rows, verdicts, strict=True)),
        unchanged=UNCHANGED,
        figures=charts,
        remedies=remedies,
        refused=[(name, why_not(name, why)) for name, why in ranking.refused],
    )
