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
    expected,
    how_ranked,
    no_trial,
    stopped,
    to_set,
    tones,
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
    toned = [tone.replace(" ", "-") for tone in tones(ranking)]
    remedies = [
        {
            "tried": tried,
            "expected": expected(tried),
            "training": to_set(tried),
            "cost": cost(tried),
            "stopped": stopped(tried),
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
        no_trial=no_trial(ranking),
        done=done(ranking),
        how_ranked=how_ranked(ranking),
        tone=toned[0],
        heads=heads,
        rows=list(zip(rows, toned, strict=True)),
        unchanged=UNCHANGED,
        figures=charts,
        remedies=remedies,
        refused=[(name, why_not(name, why)) for name, why in ranking.refused],
    )
