"""How advice is followed on the command line: the commands and options that do what it says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bptt.diagnosis import Advice

OPTIONS = {"cell": "--cell", "init": "--init", "activation": "--activation"}  # of a new network
TRAINING = {"clip": "--clip"}  # of bptt train alone


def commands(advice: "Advice", command: str | None, remedies: str = "bptt remedies") -> str:
    """The options of a new network and the remedy that make the change, each a way to do it; "" where none does.

    Args:
        advice: what to change.
        command: which command's options make the new network: "" for the one that was called, None
            where no command makes one, as for the weights of a PyTorch model.
        remedies: the command that tries remedies on the same model and data.
    """
    ways = [] if command is None else [_options(each, command) for each in advice.settings]
    if advice.remedy is not None:
        ways.append(f"{remedies} --only {advice.remedy} --remedy {advice.remedy} --apply")
    return " or ".join(ways)


def _options(settings: Mapping[str, str | float], command: str) -> str:
    options = [f"{(OPTIONS | TRAINING)[name]} {_value(value)}" for name, value in settings.items()]
    trains = not TRAINING.keys().isdisjoint(settings)
    return " ".join(["bptt train" if trains else command, *options]).strip()


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
