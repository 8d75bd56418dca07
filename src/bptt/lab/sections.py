"""The sections of the page that show a network: words, the controls that they explain, and a chart below."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import marimo as mo

from bptt.configuration import Configuration
from bptt.lab import texts, words

FIELDS = {"variance": "input_variance"}  # of a setting, where a control has another name


def laid_out(
    live: Mapping[str, Any],
    moved: Mapping[str, Any],
    first: Sequence[Any],
    asked: Mapping[str, Sequence[Any]],
    scenes: Mapping[str, Any],
) -> Iterator[Any]:
    """What the sections show, from top to bottom.

    Args:
        live: the charts, by key.
        moved: the controls, by name.
        first: what stands above the first chart.
        asked: the exercises, by the key of the chart below which they stand.
        scenes: buttons that set the sliders, by the key of the chart above which they stand.
    """
    for text, names, key in texts.PICTURES:
        yield mo.md(words.explained(text))
        if key == "by_lag":
            yield from first
        if key in scenes:
            yield scenes[key]
        if names:
            yield mo.hstack([moved[n] for n in names], widths="equal", gap=1.5, wrap=True)
        yield live[key]
        yield from asked.get(key, ())


def beside(before: Configuration, after: Configuration) -> str:
    """Key of the chart beside the control that was moved; of the first chart where none was.

    Args:
        before: what the controls stood at.
        after: what they stand at.

    >>> beside(Configuration(), Configuration(bias=5.0))
    'helped'
    """
    for _, names, key in texts.PICTURES:
        fields = [FIELDS.get(name, name) for name in names]
        if any(getattr(before, field) != getattr(after, field) for field in fields):
            return key
    return texts.PICTURES[0][2]


def of_own(
    refusal: Any,
    notes: Sequence[str],
    read: Sequence[str],
    reading: Any,
    *,
    data: Any,
    own_data: Any,
    file: Any,
    plain: Any,
) -> Any:
    """Where the reader's own model and sequences are dropped, and what was read of them.

    Args:
        refusal: where it is said why one of them is not shown.
        notes: sentences on the model.
        read: sentences on the sequences.
        reading: what can be said about these.
        data: the control of the data.
        own_data: where sequences are dropped.
        file: where a model is dropped.
        plain: what a plain RNN in it has for an activation.
    """
    said = mo.hstack(reading.elements.values(), justify="start", wrap=True)
    return mo.vstack(
        [
            mo.md(words.explained(texts.OWN)), refusal, data, own_data, said, mo.Html(texts.paragraphs(*read)), mo.md(words.explained(texts.MODEL)), file, plain,
            mo.Html(texts.paragraphs(*notes)),
        ]
    )  # fmt: skip
