"""What the numbers of a model mean, in sentences: how lag is counted, and what was not measured."""

from collections.abc import Sequence

import torch
from torch import nn

from bptt.presentation.formatting import percent
from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.capture import Chain
from bptt.torch_models.capture.observed import Captured, Errors, of_its_own

LEAST_SHARE = 1e-3  # of the error: less is not worth a sentence


def in_words(model: nn.Module, captured: Captured, chains: Sequence[Chain]) -> list[str]:
    """What the numbers mean.

    Args:
        model: the user's.
        captured: its calls.
        chains: those of the calls that the loss reaches.
    """

    def name(path: str) -> str:
        return without_wrappers(path, model) or "model"

    remarks = []
    passing = []
    for chain in chains:
        paths = list(dict.fromkeys(name(call.path) for call in chain.calls))
        names = " and ".join(paths)
        if len(paths) > 1:
            passing.append(f"from {paths[0]} to {' and '.join(paths[1:])}")
        if any(start.feeds == "carried" for start in chain.starts):
            remarks.append(
                f"The outputs of {names} come back as part of later inputs: that way counts as the steps that it "
                "spans."
            )
        share = _past(captured, chain)
        if share >= LEAST_SHARE:
            remarks.append(
                f"Of the error that reaches {names} from outside, {percent(share)} comes by way of later inputs, past "
                "the recurrence: its lag is counted from the step that read the state."
            )
    through = f", and on through states that are passed {', '.join(dict.fromkeys(passing))}"
    remarks.insert(
        0,
        f"Lag is counted within each recurrent module{through if passing else ''}, from the step at which the rest "
        "of the model reads its states.",
    )
    for path, kind in captured.unseen.items():
        remarks.append(
            f"{name(path)} was not measured: {kind} has a forward of its own. {of_its_own(path)}"
        )
    return list(dict.fromkeys(remarks))


def _past(captured: Captured, chain: Chain) -> float:
    """The norm of the immediate errors that came by way of inputs over that of all of them."""
    past = _squares(captured.past, chain)
    return min(1.0, (past / (_squares(captured.immediate, chain) or past)) ** 0.5) if past else 0.0


def _squares(errors: Errors, chain: Chain) -> float:
    grads = [grad for call in chain.calls for grad in errors.get(call.index, [])]
    arrived = [grad for grad in grads if grad is not None]
    # A few steps at a time: in float64 all of them would take twice the memory again.
    parts = (part for grad in arrived for part in torch.split(grad, max(1, len(grad) // 64)))
    return float(sum(part.double().square().sum() for part in parts))
