"""Advice as it is said: once, where it is the same for several layers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bptt.diagnosis import Advice, Diagnosis, RecurrenceDiagnosis
from bptt.presentation.formatting import listed

NAMED = 3  # layers at most that are named one by one


@dataclass(frozen=True)
class Said:
    """A piece of advice on a layer, and the others that it is the same for.

    Attributes:
        advice: on the layer, in whose numbers it is said.
        also: names of the others.
        ways: how it is followed in all of them, each way once.
        others: how many other layers there are.
    """

    advice: Advice
    also: tuple[str, ...]
    ways: tuple[str, ...]
    others: int

    def __str__(self) -> str:
        """The sentence, and whom else it is for."""
        if not self.also:
            return self.advice.sentence
        of_all = len(self.also) == self.others and len(self.also) > NAMED
        names = "every other layer" if of_all else listed(self.also)
        return f"{self.advice.sentence} The same in {names}."


def layers_in_order(diagnosis: Diagnosis) -> list[RecurrenceDiagnosis]:
    """The layer that decides, then the others from the bottom up."""
    first = diagnosis.decisive
    return [first, *(each for each in diagnosis.layers.values() if each.name != first.name)]


def said_once(diagnosis: Diagnosis, how: Callable[[Advice], str]) -> dict[str, list[Said]]:
    """What is said of each layer, the one that decides first: nothing that was said of a layer before it.

    Args:
        diagnosis: of the network.
        how: how a piece of advice is followed; "" where nothing says it.
    """
    layers = layers_in_order(diagnosis)
    said: dict[tuple[object, ...], tuple[str, Said]] = {}
    for layer in layers:
        for advice in layer.advice:
            way = (how(advice),) if how(advice) else ()
            known = said.get(_meaning(advice))
            if known is None:
                said[_meaning(advice)] = (layer.name, Said(advice, (), way, len(layers) - 1))
                continue
            first, before = known
            ways = tuple(dict.fromkeys((*before.ways, *way)))
            said[_meaning(advice)] = (
                first,
                replace(before, also=(*before.also, layer.name), ways=ways),
            )
    return {
        layer.name: [each for name, each in said.values() if name == layer.name] for layer in layers
    }


def _meaning(advice: Advice) -> tuple[object, ...]:
    """What makes two pieces of advice the same: the change and its number; what was measured may differ."""
    if advice.remedy is None:
        return (advice.sentence,)
    return (advice.remedy, advice.number)
