"""The report of a diagnosis as one HTML file."""

from typing import Any

from bptt.diagnosis import Diagnosis
from bptt.report.charts import figures
from bptt.report.template import drawable, rendered
from bptt.report.words import headline, numbers


def page(
    stages: list[tuple[str, Diagnosis]], title: str, facts: tuple[tuple[str, str], ...]
) -> str:
    """The whole file as text.

    Args:
        stages: (name, diagnosis) of the same network at different times, the one to judge last.
        title: what was measured.
        facts: (name, value) pairs about data and training.
    """
    judged = stages[-1][1]
    top = list(judged.layers)[-1]
    memory = [(stage, diagnosis.memory) for stage, diagnosis in stages]
    layers: list[dict[str, Any]] = []
    for name, now in judged.layers.items():
        columns = [numbers(diagnosis, diagnosis.layers[name]) for _, diagnosis in stages]
        of_layer = [(stage, diagnosis.layers[name]) for stage, diagnosis in stages]
        charts = figures(of_layer, judged.truncation, memory if name == top else None)
        layers.append(
            {
                "name": name,
                "now": now,
                "headline": headline(now),
                "rows": [
                    (row[0][0], [value for _, value in row]) for row in zip(*columns, strict=True)
                ],
                "figures": [drawable(figure, f"{name.replace('.', '-')}-") for figure in charts],
            }
        )
    return rendered(
        "page.html.j2",
        [figure for layer in layers for figure in layer["figures"]],
        title=title,
        facts=facts,
        judged=judged,
        stages=[stage for stage, _ in stages],
        layers=layers,
    )
