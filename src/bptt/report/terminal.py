"""A report on the terminal: a verdict, a table and a small plot."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bptt.diagnosis import Advice, Diagnosis, RecurrenceDiagnosis
from bptt.gradients.by_lag import Profile
from bptt.presentation.colours import VERDICT_TONES
from bptt.presentation.formatting import power_of_ten
from bptt.report.numbers import table
from bptt.report.plain_words import answer
from bptt.report.said_once import Said, layers_in_order, said_once
from bptt.report.sentences import headline, horizon

BAR = 22  # characters of a full bar
TO_COPY = "cyan"  # style of a line of code, or a command
DECADES = 8  # shown below the largest term; smaller ones have no bar


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print the parts; lines to copy are not broken, however narrow the terminal."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text) and part.style == TO_COPY)


def render(
    stages: list[tuple[str, Diagnosis]],
    how: Callable[[Advice], str] = lambda advice: "",
    *,
    in_full: str | None = "report.print(all=True)",
) -> Iterator[RenderableType]:
    """The parts, from the answer down to what was assumed; the last stage is the one judged.

    Args:
        stages: (name, diagnosis) pairs.
        how: what to print under each piece of advice: how it is followed; "" for nothing.
        in_full: what shows all layers in full; None does so now. Else only the one that decides is shown so, and
            the others have a row each.
    """
    judged = stages[-1][1]
    first, *others = layers_in_order(judged)
    word, sentence = answer(judged)
    yield Text.assemble((word, f"bold {VERDICT_TONES[first.verdict].terminal}"), f": {sentence}")
    advised = said_once(judged, how)
    yield from _layer(stages, first, advised[first.name], several=bool(others))
    if others and in_full is not None:
        yield _rows(others)
        yield Text(f"In full: {in_full}", style="dim")
    elif others:
        for layer in others:
            yield from _layer(stages, layer, advised[layer.name], several=True)
    for title, sentences in (("What was assumed", judged.assumed), ("Checked", judged.checked)):
        if sentences:
            yield Text(title, style="bold")
            for sentence in sentences:
                yield Text(f"  • {sentence}")


def _layer(
    stages: list[tuple[str, Diagnosis]], now: RecurrenceDiagnosis, advice: list[Said], several: bool
) -> Iterator[RenderableType]:
    """One layer in full."""
    yield Panel(
        Group(Text(headline(now)), Text(now.cause.sentence, style="dim")),
        title=f"{now.name}: {now.verdict}",
        title_align="left",
        border_style=VERDICT_TONES[now.verdict].terminal,
    )
    yield _numbers(stages, now.name)
    yield _plot([(stage, diagnosis.layers[now.name]) for stage, diagnosis in stages])
    if advice:
        yield Text(f"What to change{f' in {now.name}' * several}", style="bold")
    for each in advice:
        yield Text(f"  • {each}")
        for way in each.ways:
            yield from (Text(f"    {line}", style=TO_COPY) for line in way.splitlines())


def _rows(layers: list[RecurrenceDiagnosis]) -> Table:
    """A row per layer."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("Other layers", "verdict", "horizon", "needed lag", "signal there", "cause"):
        number = head in ("horizon", "needed lag", "signal there")
        rows.add_column(head, justify="right" if number else "left")
    for layer in layers:
        rows.add_row(
            layer.name,
            Text(layer.verdict, style=VERDICT_TONES[layer.verdict].terminal),
            horizon(layer),
            str(layer.needed_lag),
            power_of_ten(layer.log10_attenuation),
            layer.cause.name,
        )
    return rows


def _numbers(stages: list[tuple[str, Diagnosis]], name: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("")
    for stage, _ in stages:
        shown.add_column(stage, justify="right")
    for what, values in table(stages, name):
        shown.add_row(what, *values)
    return shown


def _plot(stages: list[tuple[str, RecurrenceDiagnosis]]) -> Table:
    """‖G_k‖ at some lags, as bars on a log scale; the same scale for every stage."""
    profiles = [layer.profile for _, layer in stages]
    finite = np.concatenate([p.log10_norm[np.isfinite(p.log10_norm)] for p in profiles])
    top = float(finite.max()) if len(finite) else 0.0
    bottom = max(top - DECADES, float(finite.min())) if len(finite) else -1.0
    plot = Table(
        title="Gradient by lag, ‖G_k‖ (log scale)",
        title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    plot.add_column("lag", justify="right", no_wrap=True)
    for stage, _ in stages:
        plot.add_column(stage, justify="right", no_wrap=True)
        plot.add_column("", width=BAR, no_wrap=True)
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
        plot.add_row(str(k), *cells)
    return plot


def _some_lags(first: int, K: int) -> list[int]:
    """The first that has a signal, 1, 2, 4, 8 .. steps behind it, and the last."""
    behind = range((K - first).bit_length())
    lags = [first, *(first + 2**i for i in behind if first + 2**i < K - 1), K - 1]
    return sorted(set(lags))


def _value(profile: Profile, k: int) -> str:
    return power_of_ten(profile.log10_norm[k]) if k < len(profile.lags) else ""


def _bar(profile: Profile, k: int, bottom: float, top: float) -> str:
    if k >= len(profile.lags) or not profile.log10_norm[k] >= bottom:
        return ""
    part = (profile.log10_norm[k] - bottom) / max(top - bottom, 1e-9)
    return "━" * max(1, round(float(part) * BAR))
