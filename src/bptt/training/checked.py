"""The numbers of a planned training, checked at the door."""

from bptt.arrays import as_number, as_whole
from bptt.errors import OptionError
from bptt.network import Network
from bptt.regularisers.omega import defined_for


def tail_of(window: int | None, length: int, on_text: bool) -> int:
    """k2 - k1: time steps before a chunk that its gradient reaches.

    Args:
        window: k2, or None for k1.
        length: k1.
        on_text: whether the data are a stream that is cut into chunks.

    Raises:
        OptionError: if they are not, or k2 < k1.
    """
    if window is None:
        return 0
    if not on_text:
        raise OptionError(
            "window", "a text, a stream that is cut into chunks", "sequences, which are seen whole",
            "Leave window out.",
        )  # fmt: skip
    cure = f"Pass at least the length, {length}, or a smaller length."
    return as_whole("window", window, least=length, cure=cure) - length


def checked(network: Network, clip: float | None, omega: float) -> tuple[float | None, float]:
    """Both as Python's numbers, which a checkpoint can keep.

    Args:
        network: to be trained.
        clip: largest norm of the gradient, or None.
        omega: weight of Ω.

    Raises:
        OptionError: if one lies outside its range, or Ω is not defined for the network.
    """
    if clip is not None:
        clip = as_number("clip", clip, "(0, ∞]", "Pass 1.0, for example, or None.")
    omega = as_number("omega", omega, "[0, ∞)", "Pass 2.0, for example; 0 leaves Ω out.")
    gated = {layer.cell.name for layer in network.stack.layers if not defined_for(layer.cell)}
    if omega and gated:
        raise OptionError(
            "omega", "plain RNN layers", f"{', '.join(sorted(gated))} layers",
            "Leave omega out: gates already do what Ω does.",
        )  # fmt: skip
    return clip, omega
