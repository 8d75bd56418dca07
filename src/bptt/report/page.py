"""The report of a diagnosis as one HTML file."""

from typing import Any

from bptt.diagnosis import Diagnosis, LayerDiagnosis, StateDiagnosis
from bptt.presentation.formatting import power_of_ten
from bptt.presentation.template import drawable, rendered
from bptt.prognoses import Prognosis
from bptt.report import plain_words
from bptt.report.figures import figures
from bptt.report.numbers import table
from bptt.report.prognosis.page import box
from bptt.report.said_once import Said, layers_in_order, said_once
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
    advised = said_once(judged, lambda advice: advice.code if with_code else "")
    deciding, *others = [
        _layer(stages, layer.name, advised[layer.name], decisive=layer is judged.decisive)
        for layer in layers_in_order(judged)
    ]
    # what the verdict rests on stands before all other figures
    first = deciding["figures"].pop(0)
    ahead, drawn = (None, []) if prognosis is None else box(prognosis)
    return rendered(
        "page.html.j2",
        [*drawn, first, *(figure for layer in (deciding, *others) for figure in layer["figures"])],
        title=title,
        facts=facts,
        judged=judged,
        deciding=deciding,
        others=others,
        answer=plain_words.answer(judged),
        meaning=plain_words.meaning(judged.decisive),
        why=plain_words.why(judged.decisive.cause, isinstance(judged.decisive, StateDiagnosis)),
        key_numbers=plain_words.key_numbers(stages),
        first=first,
        stages=[stage for stage, _ in stages],
        ahead=ahead,
    )


def _layer(
    stages: list[tuple[str, Diagnosis]], name: str, advice: list[Said], decisive: bool
) -> dict[str, Any]:
    """What the template shows of a layer; the decisive one's second figure is what the network remembers."""
    judged = stages[-1][1]
    charts = figures(
        [(stage, diagnosis.layers[name]) for stage, diagnosis in stages],
        judged.truncation,
        [(stage, diagnosis.memory) for stage, diagnosis in stages] if decisive else None,
    )
    now = judged.layers[name]
    return {
        "name": name,
        "id": f"layer-{name.replace('.', '-')}",
        "now": now,
        "bound": now.bound if isinstance(now, LayerDiagnosis) else None,
        "whole": now.profile.symbol,
        "advice": advice,
        "headline": headline(now),
        "horizon": horizon(now),
        "signal": power_of_ten(now.log10_attenuation),
        "rows": table(stages, name),
        "figures": [drawable(figure, f"{name.replace('.', '-')}-") for figure in charts],
    }
