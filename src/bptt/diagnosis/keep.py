"""What lets a step keep more of its state, as a line of code: the decay of a scan, the bias of a gate."""

from collections.abc import Callable

from bptt.diagnosis.along import Along
from bptt.diagnosis.piece import Advice

# From what a step is to keep to the beginning of a sentence, its number, and a line of code that makes it so in ``module``, or
# ""; None where it is so already.
Keep = Callable[[float], tuple[str, float, str] | None]


def initialised(along: Along, keep: Keep | None, path: str) -> tuple[Advice, ...]:
    """The advice to let a step keep enough for the needed lag; none where nobody says how, or it is so already.

    Args:
        along: what was measured.
        keep: says how, or None.
        path: of the module in the model, "" for the model itself.
    """
    a = along.enough
    found = None if keep is None else keep(a)
    if found is None:
        return ()
    sentence, number, line = found
    module = f"model.get_submodule({path!r})" if path else "model"
    return (
        Advice(
            f"{sentence}: a step keeps {a:.4g} then, and a tenth is left at lag {along.needed}.", number=number,
            code=f"module = {module}\n{line}" if line else "",
        ),
    )  # fmt: skip
