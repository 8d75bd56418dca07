"""Whole sequences are for training: what is verified is cut to one length."""

from typing import Any


def cut(arguments: dict[str, Any], length: int, loss_at: Any) -> dict[str, Any]:
    """The arguments of ``network.run`` with every sequence as long as the shortest, and no longer than asked.

    Args:
        arguments: x (T, B, I), targets, and lengths (B,) where the sequences differ.
        length: the longest to be kept.
        loss_at: where the network has its loss; at steps that are listed nothing can be cut.

    Returns:
        x and targets of one length.
    """
    whole = dict(arguments)
    lengths = whole.pop("lengths", None)
    if not isinstance(loss_at, str):
        return whole
    T = len(whole["x"]) if lengths is None else int(lengths.min())
    T = min(T, length)
    whole["x"] = whole["x"][:T]
    if loss_at == "every":
        whole["targets"] = whole["targets"][:T]
    return whole
