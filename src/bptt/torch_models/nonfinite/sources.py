"""What a forward pass starts from, which may not be finite itself: the batch, and all that the model holds."""

from typing import Any

from torch import Tensor, nn

from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.as_found.held import held
from bptt.torch_models.nonfinite.numbers import entries, entry_place, finite, place, storage

CLEAN = "Clean the data, or mask what is missing."
EARLIER = "Go back to an earlier checkpoint."
ANEW = "Begin it anew."


class Sources:
    """A batch and a model, as they are before the forward pass.

    Args:
        model: the user's.
        batch: what the loss takes.
    """

    def __init__(self, model: nn.Module, batch: Any) -> None:
        self.batch = batch
        named = (("parameter", model.named_parameters()), ("buffer", model.named_buffers()))
        self.of_model: list[tuple[str, str, Tensor]] = [
            (f"The {kind} {without_wrappers(name, model)}", EARLIER, value)
            for kind, values in named
            for name, value in values
        ] + [
            (f"The state {path.strip('.')} that the model keeps", ANEW, thing)
            for path, thing in held(model)
            if isinstance(thing, Tensor)
        ]

    def among(self, leaves: list[Tensor]) -> str:
        """Sentences on the parts of the batch and of the model among these tensors; none if there are none."""
        places = {storage(leaf) for leaf in leaves}

        def is_one(value: Any) -> bool:
            return isinstance(value, Tensor) and storage(value) in places and not finite(value)

        of_batch = (f"{name} is {place(e)}" for name, e in entries(self.batch) if is_one(e))
        read = next(of_batch, None)
        sentences = [f"The batch itself is not finite: {read}.", CLEAN] if read else []
        for what, cure, value in self.of_model:
            if is_one(value):
                own = f"{what} is not finite itself: {place(value)}."
                return " ".join([*sentences[:1], own, cure])
        return " ".join(sentences)

    def in_batch(self) -> str:
        """A sentence on the first part of the batch that is not finite, tensor or not; none if there is none."""
        for name, entry in entries(self.batch):
            if at := entry_place(entry):
                return f"The batch itself is not finite: {name} is {at}. {CLEAN}"
        return ""
