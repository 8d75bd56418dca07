"""How advice is followed on the command line: its sentence, and the options that do what it says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bptt.diagnosis import Advice

OPTIONS = {"cell": "--cell", "init": "--init", "activation": "--activation"}  # of a new network
TRAINING = {"clip": "--clip"}  # of bptt train alone


def with_options(advice: "Advice", command: str | None) -> str:
    """The sentence, followed by the options.

    Args:
        advice: what to change.
        command: which command's options make the new network: "" for the one that was called, None
            where no command makes one, as for the weights of a PyTorch model.
    """
    if command is None or not advice.settings:
        return advice.sentence
    ways = " or ".join(_options(settings, command) for settings in advice.settings)
    return f"{advice.sentence.removesuffix('.')}: {ways}."


def _options(settings: Mapping[str, str | float], command: str) -> str:
    options = [f"{(OPTIONS | TRAINING)[name]} {_value(value)}" for name, value in settings.items()]
    trains = not TRAINING.keys().isdisjoint(settings)
    return " ".join(["bptt train" if trains else command, *options]).strip()


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
