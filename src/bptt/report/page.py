"""The report of a diagnosis as one HTML file."""

from typing import Any

from bptt.diagnosis import Diagnosis
from bptt.presentation.template import drawable, rendered
from bptt.prognoses import Prognosis
from bptt.report import plain_words
from bptt.report.figures import figures
from bptt.report.numbers import numbers
from bptt.report.prognosis.page import box
from bptt.report.sentences import headline, horizon


def page(
    stages: list[tuple[str, Diagnosis]],
    title: str,
    facts: tuple[tuple[str, str], ...],
    with_code: bool = False,
    prognosis: Prognosis | None = None,
) -> str:
    """The whole file as text.

    Args:
        stages: (name, diagnosis) of the same network at different times, the one to judge last.
        title: what was measured.
        facts: (name, value) pairs about data and training.
        with_code: whether to show the lines of Python that follow the advice.
        prognosis: of the same network, where a look ahead was made.
    """
    judged = stages[-1][1]
    now = judged.decisive
    layers = [_layer(stages, name, decisive=name == now.name) for name in judged.layers]
    of_decisive = next(layer["figures"] for layer in layers if layer["name"] == now.name)
    # what the verdict rests on, and what the whole network remembers, stand before the layers
    first, memory = of_decisive[:2]
    del of_decisive[:2]
    ahead, drawn = (None, []) if prognosis is None else box(prognosis)
    return rendered(
        "page.html.j2",
        [*drawn, first, memory, *(figure for layer in layers for figure in layer["figures"])],
        title=title,
        facts=facts,
        with_code=with_code,
        judged=judged,
        now=now,
        opening=plain_words.opening(now),
        meaning=plain_words.meaning(now),
        why=plain_words.why(now.cause),
        key_numbers=plain_words.key_numbers(stages),
        first=first,
        memory=memory,
        stages=[stage for stage, _ in stages],
        layers=layers,
        ahead=ahead,
    )


def _layer(stages: list[tuple[str, Diagnosis]], name: str, decisive: bool) -> dict[str, Any]:
    """What the template shows of a layer; the decisive one's second figure is what the network remembers."""
    judged = stages[-1][1]
    columns = [numbers(diagnosis, diagnosis.layers[name]) for _, diagnosis in stages]
    charts = figures(
        [(stage, diagnosis.layers[name]) for stage, diagnosis in stages],
        judged.truncation,
        [(stage, diagnosis.memory) for stage, diagnosis in stages] if decisive else None,
    )
    return {
        "name": name,
        "id": f"layer-{name.replace('.', '-')}",
        "now": judged.layers[name],
        "headline": headline(judged.layers[name]),
        "horizon": horizon(judged.layers[name]),
        "rows": [(row[0][0], [value for _, value in row]) for row in zip(*columns, strict=True)],
        "figures": [drawable(figure, f"{name.replace('.', '-')}-") for figure in charts],
    }
