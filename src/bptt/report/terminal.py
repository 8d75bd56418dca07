"""A report on the terminal: a verdict, a table and a small plot."""

from collections.abc import Callable, Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bptt.diagnosis import Advice, Diagnosis, LayerDiagnosis
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.colours import VERDICT_TONES
from bptt.presentation.formatting import power_of_ten
from bptt.report.numbers import numbers
from bptt.report.sentences import headline

BAR = 22  # characters of a full bar
DECADES = 8  # shown below the largest term; smaller ones have no bar


def render(
    stages: list[tuple[str, Diagnosis]], how: Callable[[Advice], str] = lambda advice: ""
) -> Iterator[RenderableType]:
    """The parts, from the verdict down to what was assumed; the last stage is the one judged.

    Args:
        stages: (name, diagnosis) pairs.
        how: what to print under each piece of advice: how it is followed; "" for nothing.
    """
    judged = stages[-1][1]
    for name, now in judged.layers.items():
        yield Panel(
            Group(Text(headline(now)), Text(now.cause.sentence, style="dim")),
            title=f"{name}: {now.verdict}",
            title_align="left",
            border_style=VERDICT_TONES[now.verdict].terminal,
        )
        yield _numbers(stages, name)
        yield _plot([(stage, diagnosis.layers[name]) for stage, diagnosis in stages])
        yield Text("What to change", style="bold")
        for advice in now.advice:
            yield Text(f"  • {advice}")
            yield from (Text(f"    {line}", style="cyan") for line in how(advice).splitlines())
    for title, sentences in (("What was assumed", judged.assumed), ("Checked", judged.checked)):
        if sentences:
            yield Text(title, style="bold")
            for sentence in sentences:
                yield Text(f"  • {sentence}")


def _numbers(stages: list[tuple[str, Diagnosis]], name: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for stage, _ in stages:
        table.add_column(stage, justify="right")
    columns = [numbers(diagnosis, diagnosis.layers[name]) for _, diagnosis in stages]
    for rows in zip(*columns, strict=True):
        table.add_row(rows[0][0], *(value for _, value in rows))
    return table


def _plot(stages: list[tuple[str, LayerDiagnosis]]) -> Table:
    """‖G_k‖ at some lags, as bars on a log scale; the same scale for every stage."""
    profiles = [layer.profile for _, layer in stages]
    finite = np.concatenate([p.log10_norm[np.isfinite(p.log10_norm)] for p in profiles])
    top = float(finite.max()) if len(finite) else 0.0
    bottom = max(top - DECADES, float(finite.min())) if len(finite) else -1.0
    table = Table(
        title="Gradient by lag, ‖G_k‖; a bar's length is its logarithm",
        title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("lag k", justify="right")
    for stage, _ in stages:
        table.add_column(stage, justify="right", no_wrap=True)
        table.add_column("", width=BAR, no_wrap=True)
    first = min(p.first_lag for p in profiles)
    for k in _some_lags(first, max(len(p.lags) for p in profiles)):
        cells: list[str | Text] = []
        for (_, layer), profile in zip(stages, profiles, strict=True):
            inside = layer.horizon is not None and layer.horizon >= k
            cells += [
                _value(profile, k),
                Text(
                    _bar(profile, k, bottom, top),
                    style=VERDICT_TONES[layer.verdict].terminal if inside else "dim",
                ),
            ]
        table.add_row(str(k), *cells)
    return table


def _some_lags(first: int, K: int) -> list[int]:
    """The first that has a signal, 1, 2, 4, 8 .. steps behind it, and the last."""
    behind = range((K - first).bit_length())
    lags = [first, *(first + 2**i for i in behind if first + 2**i < K - 1), K - 1]
    return sorted(set(lags))


def _value(profile: LagProfile, k: int) -> str:
    return power_of_ten(profile.log10_norm[k]) if k < len(profile.lags) else ""


def _bar(profile: LagProfile, k: int, bottom: float, top: float) -> str:
    if k >= len(profile.lags) or not profile.log10_norm[k] >= bottom:
        return ""
    part = (profile.log10_norm[k] - bottom) / max(top - bottom, 1e-9)
    return "━" * max(1, round(float(part) * BAR))
