"""Which column or array is what: by the name that the user says, or by one that is understood."""

from collections.abc import Sequence

from bptt.data.own.words import listed
from bptt.errors import FileError, OptionError


def found(
    file: str,
    present: Sequence[str],
    understood: tuple[str, ...],
    argument: str,
    said: str | None,
    *,
    kind: str = "column",
) -> str | None:
    """The name of the column or array that has a role.

    Args:
        file: its name, for the errors.
        present: names that there are.
        understood: names of the role that are understood, in lower case.
        argument: name of the role.
        said: the name that the user gave; None where it is to be found.
        kind: "column" or "array".

    Returns:
        None where none of the names is understood.

    Raises:
        OptionError: if there is no column of the name that was said.
        FileError: if several names are understood.
    """
    if said is not None:
        if said not in present:
            raise OptionError(
                argument, f"the name of one {kind} of {file}: {listed(present)}", repr(said),
                "Choose one of them.",
            )  # fmt: skip
        return said
    fitting = [name for name in present if name.lower() in understood]
    if len(fitting) > 1:
        raise FileError(
            file, f"one {kind} that can be the {argument}", f"{listed(fitting)}",
            f"Choose one of them: {argument}={fitting[0]}, for example.",
        )  # fmt: skip
    return fitting[0] if fitting else None
