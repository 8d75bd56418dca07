"""The passes over a recurrence of one's own: its states, its gradient, and one step of all times at once.

Every pass starts from the same random numbers, so that a dropout within the step is the same in each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bptt.errors import DTypeError, NonFiniteError, OptionError
from bptt.torch_models.as_found import random_numbers_kept
from bptt.torch_models.nonfinite.numbers import finite, place
from bptt.torch_models.own_step.recurrence import Parts, Recurrence


@dataclass(frozen=True, eq=False)
class StepGraph:
    """The graph of one step, of all times at once.

    Attributes:
        params: leaves by name.
        inputs: leaves that stand for the states before the step.
        outputs: the states after it.
        rows: from (T, B, ·) errors to one error per output.
        times: from one gradient per input to (T, B, ·) errors.
    """

    params: dict[str, Tensor]
    inputs: list[Tensor]
    outputs: list[Tensor]
    rows: Callable[[Parts], list[Tensor]]
    times: Callable[[Sequence[Tensor]], Parts]

    def back(self, errors: Parts) -> tuple[dict[str, Tensor], Parts]:
        """The gradient by each parameter, and the errors one step further back."""
        leaves = [*self.params.values(), *self.inputs]
        grads = _grads(self.outputs, leaves, self.rows(errors))
        filled = [
            torch.zeros_like(v) if g is None else g for v, g in zip(leaves, grads, strict=True)
        ]
        number = len(self.params)
        return dict(zip(self.params, filled[:number], strict=True)), self.times(filled[number:])


def states_of(run: Recurrence) -> tuple[Recurrence, Parts, Parts]:
    """The recurrence in the types of its states, and (T, B, ·) per part the states before and after every step.

    Raises:
        OptionError, DTypeError: if ``step`` does not return a state like the one it is given.
        NonFiniteError: if a state is NaN or infinite.
    """
    with torch.no_grad():
        with random_numbers_kept():
            after = run.after(run.params, tuple(part[0] for part in run.x), run.first)
        run = run.with_types_of(after)
        states = [run.first]
        with random_numbers_kept():
            for t, x_t in enumerate(zip(*run.x, strict=True)):
                states.append(run.after(run.params, x_t, states[-1]))
                _check(run, states[-1], t)
        every = [torch.stack(parts) for parts in zip(*states, strict=True)]
        return run, tuple(part[:-1] for part in every), tuple(part[1:] for part in every)


def _check(run: Recurrence, state: Parts, t: int) -> None:
    for part, first in zip(state, run.first, strict=True):
        if part.dtype != first.dtype:
            raise DTypeError(
                "step", f"a state of {first.dtype} after every step", f"{part.dtype} after step {t}",
                "Return the same type at every step.",
            )  # fmt: skip
        if not finite(part):
            raise NonFiniteError(
                "step", "finite states", f"{place(part)} after step {t}",
                "The forward pass itself leaves the range of its numbers: scale the weights, or shorten x.",
            )  # fmt: skip


def unrolled(run: Recurrence, d: Parts) -> dict[str, Tensor]:
    """The gradient as autograd has it: through the loop, the lags summed away.

    Raises:
        OptionError: if a parameter never reaches the state.
    """
    leaves = _leaves(run)
    state, outputs = run.first, []
    with random_numbers_kept():
        for x_t in zip(*run.x, strict=True):
            state = run.after(leaves, x_t, state)
            outputs += [part for part, carried in zip(state, run.carries, strict=True) if carried]
    errors = [error[t] for t in range(run.steps) for error in d]
    grads = _grads(outputs, list(leaves.values()), errors)
    missing = [name for name, grad in zip(leaves, grads, strict=True) if grad is None]
    if missing:
        raise _unreached(missing, len(leaves))
    return {name: grad for name, grad in zip(leaves, grads, strict=True) if grad is not None}


def _unreached(names: list[str], of: int) -> OptionError:
    listed = ", ".join(f"params[{name!r}]" for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return OptionError(
        listed + more,
        f"{'parameters' if len(names) > 1 else 'a parameter'} that the state depends on",
        "none that the step reads" if len(names) == of else "one that never reaches the state"
        if len(names) == 1 else "some that never reach the state",
        "Read params[...] in the step, with gradients enabled and nothing detached. torch.func.functional_call "
        "puts them into a module, unless the module reads other references to its tensors, kept in a list for "
        "example. Leave out of params what the state does not depend on.",
    )  # fmt: skip


def graph_of(run: Recurrence, before: Parts, after: Parts) -> StepGraph:
    """All steps as one batch where that gives the same states; where rows meet or numbers are drawn, one by one.

    Args:
        run: the recurrence.
        before: (T, B, ·) each part of the state before every step.
        after: (T, B, ·) each part after it.
    """
    T, B = after[0].shape[:2]
    leaves = _leaves(run)
    inputs = _as_leaves(run, [part.flatten(0, 1) for part in before])
    with random_numbers_kept():
        outputs = run.after(leaves, tuple(part.flatten(0, 1) for part in run.x), tuple(inputs))
    if all(map(_alike, outputs, after)):
        return StepGraph(
            leaves, _carried(run, inputs), _carried(run, outputs),
            lambda errors: [error.flatten(0, 1) for error in errors],
            lambda grads: tuple(grad.reshape(T, B, *grad.shape[1:]) for grad in grads),
        )  # fmt: skip
    every_input: list[Tensor] = []
    every_output: list[Tensor] = []
    with random_numbers_kept():
        for t, x_t in enumerate(zip(*run.x, strict=True)):
            inputs = _as_leaves(run, [part[t] for part in before])
            every_input += _carried(run, inputs)
            every_output += _carried(run, run.after(leaves, x_t, tuple(inputs)))
    parts = sum(run.carries)
    return StepGraph(
        leaves, every_input, every_output,
        lambda errors: [error[t] for t in range(T) for error in errors],
        lambda grads: tuple(torch.stack(list(grads[part::parts])) for part in range(parts)),
    )  # fmt: skip


def _alike(flat: Tensor, after: Tensor) -> bool:
    """Whether a part of the state is the same from steps run as one batch as from one step at a time."""
    ours, theirs = flat.detach(), after.flatten(0, 1)
    if not (after.is_floating_point() or after.is_complex()):
        return torch.equal(ours, theirs)
    if not ours.numel():
        return True
    limit = 1e2 * torch.finfo(after.dtype).eps * float(theirs.abs().max())
    return float((ours - theirs).abs().max()) <= limit


def _leaves(run: Recurrence) -> dict[str, Tensor]:
    return {name: value.clone().requires_grad_() for name, value in run.params.items()}


def _as_leaves(run: Recurrence, parts: Sequence[Tensor]) -> list[Tensor]:
    pairs = zip(parts, run.carries, strict=True)
    return [part.clone().requires_grad_() if carried else part for part, carried in pairs]


def _carried(run: Recurrence, parts: Sequence[Tensor]) -> list[Tensor]:
    return [part for part, carried in zip(parts, run.carries, strict=True) if carried]


def _grads(
    outputs: Sequence[Tensor], leaves: Sequence[Tensor], errors: Sequence[Tensor]
) -> Sequence[Tensor | None]:
    """The gradient by each leaf; None where no output depends on it."""
    pairs = [(o, e) for o, e in zip(outputs, errors, strict=True) if o.requires_grad]
    if not pairs:
        return [None] * len(leaves)
    depending, sent = zip(*pairs, strict=True)
    return torch.autograd.grad(depending, leaves, sent, retain_graph=True, allow_unused=True)
