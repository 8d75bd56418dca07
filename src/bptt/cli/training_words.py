"""The words of ``bptt train`` that stand for something to train with: "cosine:2000", "drawn:50:200"."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bptt.errors import OptionError

if TYPE_CHECKING:
    from bptt.optimisers import Optimiser
    from bptt.training.curriculum import Curriculum
    from bptt.training.schedules import Schedule

T = TypeVar("T")


def optimiser_of(name: str, lr: float | None, momentum: float) -> "Optimiser":
    """By name, with its usual learning rate if none is given.

    Args:
        name: adam, rmsprop or sgd.
        lr: learning rate.
        momentum: of sgd.

    Raises:
        OptionError: if it is none of them.
    """
    from bptt import training

    if name == "adam":
        return training.Adam(2e-3 if lr is None else lr)
    if name == "rmsprop":
        return training.RMSprop(1e-3 if lr is None else lr)
    if name == "sgd":
        return training.SGD(0.5 if lr is None else lr, momentum)
    raise OptionError("optimizer", "adam, rmsprop or sgd", repr(name), "Pass one of them.")


def schedule_of(words: str) -> "Schedule":
    """The learning rate's schedule.

    Raises:
        OptionError: if the words make none.

    >>> schedule_of("warmup:100+step:1000:0.5")
    WarmUp(updates=100, then=StepDecay(every=1000, by=0.5))
    """
    from bptt import training

    first, plus, rest = words.partition("+")
    name, *numbers = first.split(":")
    schedules: dict[str, tuple[Callable[..., Schedule], list[type]]] = {
        "constant": (training.Constant, []),
        "step": (training.StepDecay, [int, float]),
        "exponential": (training.Exponential, [float]),
        "cosine": (training.Cosine, [int]),
        "warmup": (training.WarmUp, [int]),
    }
    expected = (
        "constant, step:1000:0.5, exponential:0.999 or cosine:2000, warmup:100+ in front or not"
    )
    if name not in schedules or (plus and name != "warmup"):
        raise OptionError("schedule", expected, repr(words), "Pass one of them.")
    kind, types = schedules[name]
    if plus:
        kind = partial(kind, then=schedule_of(rest))
    return _called(kind, numbers, types, "schedule", expected, words)


def curriculum_of(words: str | None) -> "Curriculum | None":
    """The lengths that a task is trained at.

    Raises:
        OptionError: if the words make none.

    >>> curriculum_of("drawn:50:200")
    Drawn(shortest=50, longest=200)
    """
    from bptt import training

    if words is None:
        return None
    curricula: dict[str, tuple[Callable[..., Curriculum], list[type]]] = {
        "drawn": (training.Drawn, [int, int]),
        "growing": (training.Growing, [int, int, int]),
    }
    name, *numbers = words.split(":")
    expected = "drawn:50:200 or growing:20:200:1000"
    if name not in curricula:
        raise OptionError("curriculum", expected, repr(words), "Pass one of them.")
    kind, types = curricula[name]
    return _called(kind, numbers, types, "curriculum", expected, words)


def until_of(word: str | None) -> float | str | None:
    """A score, or "solved".

    Raises:
        OptionError: if it is neither.
    """
    if word is None or word == "solved":
        return word
    try:
        return float(word)
    except ValueError:
        raise OptionError("until", "a score or solved", repr(word), "Pass one of them.") from None


def _called(
    kind: Callable[..., T],
    numbers: list[str],
    types: list[type],
    name: str,
    expected: str,
    words: str,
) -> T:
    """What the numbers behind a word make; whatever is wrong with them is wrong with the option."""
    try:
        values = [read(number) for read, number in zip(types, numbers, strict=True)]
    except ValueError:
        cure = "Write the numbers behind colons."
        raise OptionError(name, expected, repr(words), cure) from None
    try:
        return kind(*values)
    except OptionError as error:
        raise OptionError(
            name,
            f"{expected}, with {error.argument} {error.expected}",
            repr(words),
            "Pass such numbers.",
        ) from error
