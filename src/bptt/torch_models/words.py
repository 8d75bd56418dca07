"""What the numbers of a model mean, in sentences: how lag is counted, and what was not measured."""

from collections.abc import Sequence

import torch
from torch import nn

from bptt.presentation.formatting import percent
from bptt.torch_models.capture import Captured, Errors, of_its_own
from bptt.torch_models.eagerly import without_wrappers
from bptt.torch_models.joins import Chain


def in_words(model: nn.Module, captured: Captured, chains: Sequence[Chain]) -> list[str]:
    """What the numbers mean.

    Args:
        model: the user's.
        captured: its calls.
        chains: those of the calls that the loss reaches.
    """

    def name(path: str) -> str:
        return without_wrappers(path, model) or "model"

    remarks = [
        "Lag is counted within each recurrent module, from the step at which the rest of the model reads "
        "its states."
    ]
    for chain in chains:
        paths = list(dict.fromkeys(name(call.path) for call in chain.calls))
        if len(paths) > 1:
            first, *others = paths
            remarks.append(
                f"The states of {first} are passed on to {' and '.join(others)}: lag is counted through all of "
                f"them, so in {first} it begins where the steps of the other end."
            )
        if any(start.feeds == "carried" for start in chain.starts):
            remarks.append(
                f"What {paths[-1]} puts out comes back as part of its later inputs: that way counts as the steps "
                "that it spans."
            )
        share = _past(captured, chain)
        if share > 0:
            remarks.append(
                f"{percent(share)} of the error that reaches {' and '.join(paths)} from outside comes by way of later "
                "inputs, past the recurrence: its lag is counted from the step that read the state."
            )
    for path, kind in captured.unseen.items():
        remarks.append(
            f"{name(path)} was not measured: {kind} has a forward of its own. {of_its_own(path)}"
        )
    return list(dict.fromkeys(remarks))


def _past(captured: Captured, chain: Chain) -> float:
    """The part of the squared immediate errors that came by way of inputs."""
    past, all_of_it = (_squares(e, chain) for e in (captured.past, captured.immediate))
    return min(1.0, past / all_of_it) if all_of_it else 0.0


def _squares(errors: Errors, chain: Chain) -> float:
    grads = [grad for call in chain.calls for grad in errors.get(call.index, [])]
    return float(sum(g.double().square().sum() for g in grads if g is not None and torch.any(g)))
