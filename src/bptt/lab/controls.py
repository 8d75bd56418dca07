"""Which controls of the page count, and which have no effect."""

from bptt.configuration import Configuration
from bptt.layers.kinds import KINDS

CELLS = tuple(KINDS)


def activation_of(cell: str, chosen: str) -> str:
    """The activation of a cell: the chosen one, or a gated cell's own.

    >>> activation_of("rnn", "relu"), activation_of("lstm", "relu")
    ('relu', 'tanh')
    """
    return chosen if KINDS[cell].cell.choose_phi else "tanh"


def resting(setting: Configuration, from_file: bool) -> list[str]:
    """Names of the controls that change nothing while this setting, or a model from a file, is shown."""
    if from_file:
        names = ["gain", "input strength", "activation", "initial W_R", "cell", "hidden units"]
    else:
        names = ["activation"] * (not KINDS[setting.cell].cell.choose_phi)
    return names + ["loss at step"] * (setting.data != "noise")
