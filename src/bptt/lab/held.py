"""Controls that hold what they stand at, whatever a message says: only what a reader could have chosen moves them."""

from typing import Any, TypeVar

Control = TypeVar("Control", bound=Any)


def held(control: Control) -> Control:
    """The control itself, which leaves a message that is none of its values unread; no page of ours sends one.

    marimo takes such a message to be an error in the notebook and prints where it came to light; a slider takes any number.

    Args:
        control: of marimo's.
    """
    convert = control._convert_value

    def converted(message: Any) -> Any:
        try:
            value = convert(message)
        except Exception:  # whatever comes of it: the message is no value
            return control.value
        if value is None and control.value is not None:  # as if nothing were chosen
            return control.value
        return value if _within(control, value) else control.value

    control._convert_value = converted
    return control


def _within(control: Any, value: Any) -> bool:
    """Whether a number lies between the ends of a slider; true of what has no ends."""
    start, stop = getattr(control, "start", None), getattr(control, "stop", None)
    if start is None or stop is None:
        return True
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and start <= value <= stop
