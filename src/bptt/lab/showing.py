"""What the page shows at present: the sliders' network or the reader's own, on chosen data or the reader's own."""

from collections.abc import Mapping
from typing import Any

from bptt.configuration import Configuration
from bptt.data import Series
from bptt.errors import BpttError
from bptt.lab import sequences, upload
from bptt.lab.card import Card
from bptt.lab.controls import resting
from bptt.lab.live import Live
from bptt.lab.measured import Measured, measure, measured
from bptt.lab.upload import Uploaded

MEASURED_LATE = ("sequence", "exponents")  # charts of what no other chart needs


def first_of(asked: Configuration, usual: Configuration) -> tuple[Configuration, Measured]:
    """What the page begins with, measured: what a link asks for, or where that cannot be, the usual.

    Args:
        asked: by the link.
        usual: the page's own.
    """
    try:
        return asked, measured(asked)
    except BpttError:
        return usual, measured(usual)


def model_of(file: Any, activation: str) -> tuple[Uploaded | None, str | None]:
    """The model that was dropped, and why it is refused; None each where it is not so.

    Args:
        file: the control that takes it.
        activation: of a plain RNN of PyTorch's.
    """
    if not file.value:
        return None, None
    try:
        return upload.opened(file.name(), file.contents(), activation=activation), None
    except BpttError as error:
        return None, upload.words(error)


def sequences_of(
    own_data: Any, said: dict[str, Any], own: Uploaded | None
) -> tuple[Series | None, str | None]:
    """The sequences that were dropped, and why they are refused; None each where it is not so.

    Args:
        own_data: the control that takes them.
        said: how they are read.
        own: the model that reads them, if one was dropped.
    """
    if not own_data.value:
        return None, None
    raw = own is not None and own.model.parts is not None
    name, content = own_data.name(), own_data.contents()
    try:
        return sequences.dropped(name, content, said, as_stored=raw), None
    except BpttError as error:
        return None, upload.words(error)


def show(
    card: Card,
    live: Mapping[str, Live],
    setting: Configuration,
    own: Uploaded | None,
    file: Any,
    given: Series | None,
    refused: str | None,
    beside: str,
) -> tuple[Measured | None, str]:
    """Measure, and draw what came out; what was measured, and why nothing was, "" where something was.

    Args:
        card: where the verdict stands.
        live: the charts, by key.
        setting: of the sliders.
        own: a model in the place of theirs.
        file: where it was dropped.
        given: sequences in the place of the chosen data.
        refused: why a file is not shown, if one is not.
        beside: key of the chart that is drawn first.
    """
    card.busy = True
    try:
        if refused is not None:
            card.refuse(refused)
            return None, refused
        if own is not None:
            of = (own, setting.data, setting.length, setting.batch, setting.seed, setting.loss_at)
            shown = measure(upload.fitted(*of, given))
        else:
            shown = measured(setting) if given is None else measure(setting.build(given))
        whose = "the sliders' network" if own is None else f"your file {file.name()}"
        on = setting.data if given is None else given.name
        rests = resting(setting, own is not None, given is not None)
        card.show(shown, f"{whose} on {on}", rests)
        for key in sorted(live, key=lambda key: (key != beside, key in MEASURED_LATE)):
            live[key].show(shown)
    except BpttError as error:
        problem = upload.words(error)
        card.refuse(problem)
        return None, problem
    return shown, ""
