"""The sections of the page that show a network: words, the controls that they explain, and a chart below."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import marimo as mo

from bptt.lab import texts, words


def laid_out(
    live: Mapping[str, Any],
    moved: Mapping[str, Any],
    first: Sequence[Any],
    asked: Mapping[str, Sequence[Any]],
) -> Iterator[Any]:
    """What the sections show, from top to bottom.

    Args:
        live: the charts, by key.
        moved: the controls, by name.
        first: what stands above the first chart.
        asked: the exercises, by the key of the chart below which they stand.
    """
    for text, names, key in texts.PICTURES:
        yield mo.md(words.explained(text))
        if key == "by_lag":
            yield from first
        if names:
            yield mo.hstack([moved[n] for n in names], widths="equal", gap=1.5, wrap=True)
        yield live[key]
        yield from asked.get(key, ())
