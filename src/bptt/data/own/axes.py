"""Time first or batch first: what the shapes of the arrays of a .npz file tell.

    x        (T, B, I) or (B, T, I); (T, B) or (B, T) of one number a step
    targets  (B,), one per sequence; or one per step, with the first two axes of x
    lengths  (B,)

One target or one length per sequence tells which of the axes is B, unless both are as long.
"""

from dataclasses import dataclass

from bptt.errors import FileError, OptionError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """What is where.

    Attributes:
        batch_first: whether x is (B, T, I).
        per_step: whether there is a target per step.
        because: what tells; empty where the user said it.
    """

    batch_first: bool
    per_step: bool
    because: str


def told(
    file: str,
    x: tuple[str, Shape],
    targets: tuple[str, Shape],
    lengths: tuple[str, Shape] | None,
    batch_first: bool | None,
) -> Axes:
    """What the shapes tell.

    Args:
        file: its name, for the errors.
        x: name and shape of the inputs, of two axes or more.
        targets: name and shape.
        lengths: name and shape, or None.
        batch_first: what the user says.

    Raises:
        FileError: if the shapes do not go together.
        OptionError: if they go together both ways and the user does not say which is meant.
    """
    first, second = x[1][:2]
    orders = (False, True) if batch_first is None else (batch_first,)
    fitting = []
    for order in orders:
        B = first if order else second
        per_sequence = targets[1] == (B,)
        if (per_sequence or targets[1] == (first, second)) and (
            lengths is None or lengths[1] == (B,)
        ):
            fitting.append(Axes(order, not per_sequence, _because(targets, lengths, per_sequence)))
    if not fitting:
        sizes = list(dict.fromkeys(first if order else second for order in orders))
        each = " or ".join(f"({size},)" for size in sizes)
        if lengths is not None and lengths[1] not in [(size,) for size in sizes]:
            raise FileError(
                file, f"{lengths[0]} {each}", str(lengths[1]),
                "Save the steps of each sequence, or leave lengths out.",
            )  # fmt: skip
        raise FileError(
            file, f"{targets[0]} {each}, one per sequence, or ({first}, {second}), one per step, for {x[0]} {x[1]}",
            str(targets[1]), "Save them so; instead of one-hot classes, save their numbers, y.argmax(-1).",
        )  # fmt: skip
    if len(fitting) > 1:
        raise OptionError(
            "batch_first", f"one of the two, for {x[0]} {x[1]} in {file} can be (batch, time) or (time, batch)", "neither",
            "Pass batch_first=True or batch_first=False.",
        )  # fmt: skip
    axes = fitting[0]
    return axes if batch_first is None else Axes(axes.batch_first, axes.per_step, "")


def _because(
    targets: tuple[str, Shape], lengths: tuple[str, Shape] | None, per_sequence: bool
) -> str:
    if per_sequence or lengths is None:
        return f"{targets[0]} {targets[1]} has one per sequence"
    return f"{lengths[0]} {lengths[1]} has one per sequence"
