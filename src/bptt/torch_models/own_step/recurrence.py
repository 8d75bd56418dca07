"""A step of one's own with its arguments: checked at the door, and run in the form in which it was given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from bptt.errors import DTypeError, NonFiniteError, OptionError, ShapeError
from bptt.torch_models.nonfinite.numbers import finite, place

Parts = tuple[Tensor, ...]
ALONE = "step must return the next state, in the form of state0, and nothing else."


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A step, its parameters, its inputs and its first state.

    Attributes:
        step: the user's.
        params: detached, by name.
        x: (T, B, ·) each part of the inputs.
        x_form: how they are put together.
        first: (B, ·) each part of the first state.
        form: how they are put together.
    """

    step: Callable[[Mapping[str, Tensor], Any, Any], Any]
    params: dict[str, Tensor]
    x: Parts
    x_form: TreeSpec
    first: Parts
    form: TreeSpec

    @property
    def steps(self) -> int:
        """T."""
        return len(self.x[0])

    @property
    def carries(self) -> list[bool]:
        """Which parts of the state have a gradient: those that are no whole numbers."""
        return [_differentiable(part) for part in self.first]

    def after(self, params: Mapping[str, Tensor], x: Parts, state: Parts) -> Parts:
        """The next state, from copies: a step may write over what it is given.

        Args:
            params: by name.
            x: (rows, ·) of one step, or of all steps as one batch.
            state: (rows, ·) before it.

        Raises:
            OptionError: if ``step`` does not return a state of the same form and shapes.
        """
        inputs = tree_unflatten([part.clone() for part in x], self.x_form)
        before = tree_unflatten([part.clone() for part in state], self.form)
        returned = self.step(params, inputs, before)
        parts, form = tree_flatten(returned)
        if _fits(parts, form, state, self.form):
            return tuple(parts)
        raise OptionError(
            "step", f"a state of shapes {_shapes(state)}", _shapes(parts), _what_to_return(returned, state, self.form)
        )  # fmt: skip

    def with_types_of(self, after: Parts) -> "Recurrence":
        """The same with the first state in the types that the step returns, where these are wider.

        Raises:
            DTypeError: if they are narrower.
        """
        for before, part in zip(self.first, after, strict=True):
            if torch.promote_types(before.dtype, part.dtype) != part.dtype:
                raise DTypeError(
                    "step", f"a state of {before.dtype}, as state0 is", str(part.dtype),
                    f"Convert state0, or let the step return {before.dtype}.",
                )  # fmt: skip
        pairs = zip(self.first, after, strict=True)
        return replace(self, first=tuple(before.to(part.dtype) for before, part in pairs))

    def errors(self, dstate: Any, states: Parts) -> Parts:
        """(T, B, ·) the immediate gradient on every part of the state that carries one.

        Args:
            dstate: as ``by_lag`` takes it.
            states: (T, B, ·) each part, before every step.

        Raises:
            ShapeError, DTypeError, OptionError, NonFiniteError: if it is not in the form of the state.
        """
        if not any(self.carries):
            raise DTypeError(
                "state0", "at least one part of floating-point or complex numbers",
                ", ".join(str(state.dtype) for state in states), "Convert it: state0.float().",
            )  # fmt: skip
        given, form = tree_flatten(dstate)
        if len(given) != len(states) or not _alike(form, self.form):
            raise ShapeError(
                "dstate", f"{_form(self.form)}, as the state is", _form(form),
                "Pass one error per part of the state, None where the loss does not see it.",
            )  # fmt: skip
        if all(part is None for part in given):
            raise OptionError(
                "dstate", "an error for at least one part of the state", "None",
                "Pass the immediate gradient of the loss by the states, for example from out.grad.",
            )  # fmt: skip
        d = []
        for part, state in zip(given, states, strict=True):
            if not _differentiable(state):
                if part is not None:
                    raise DTypeError(
                        "dstate", f"None for a part of the state of {state.dtype}", _kind(part),
                        "Integers have no gradient: pass None there.",
                    )  # fmt: skip
                continue
            d.append(torch.zeros_like(state) if part is None else _error(part, state))
        return tuple(d)


def recurrence(step: Any, params: Mapping[str, Tensor], x: Any, state0: Any) -> Recurrence:
    """The arguments of ``by_lag``, checked.

    Args:
        step: the user's.
        params: as ``by_lag`` takes them.
        x: as ``by_lag`` takes them.
        state0: as ``by_lag`` takes it.

    Raises:
        OptionError, ShapeError, DTypeError, NonFiniteError: if they are not what they should be.
    """
    if not isinstance(params, Mapping) or not params:
        raise OptionError(
            "params", "a dictionary of at least one tensor by name",
            "an empty one" if isinstance(params, Mapping) else type(params).__name__,
            "Pass the tensors to measure, for example dict(cell.named_parameters()).",
        )  # fmt: skip
    for name, value in params.items():
        _check_tensor(f"params[{name!r}]", value)
        if not _differentiable(value):
            raise DTypeError(
                f"params[{name!r}]", "floating-point or complex numbers", str(value.dtype),
                "Leave it out of params; the step can read it as it stands.",
            )  # fmt: skip
    xs, x_form = tree_flatten(x)
    first, form = tree_flatten(state0)
    for name, parts in (("x", xs), ("state0", first)):
        if not parts:
            raise OptionError(name, "at least one tensor", "none", f"Pass {name} as a tensor.")
        for part in parts:
            _check_tensor(name, part)
    if any(part.ndim < 2 or part.shape[:2] != xs[0].shape[:2] for part in xs):
        raise ShapeError(
            "x", "shape (T, B, ...), time first, the same T and B in every part", _shapes(xs),
            "Add a batch axis: x[:, None]." if len(xs) == 1 else "Cut or transpose them.",
        )  # fmt: skip
    T, B = xs[0].shape[:2]
    if not T or not B:
        raise ShapeError("x", "at least one step and one sequence", _shapes(xs), "Pass a batch.")
    if any(part.shape[:1] != (B,) for part in first):
        second = any(part.ndim > 1 and part.shape[1] == B for part in first)
        raise ShapeError(
            "state0", f"shape ({B}, ...), a row per sequence, as x (T, B, ...) has", _shapes(first),
            "Put the sequences first, state0.transpose(0, 1), and change the axes within the step." if second
            else f"Expand it: state0.expand({B}, -1).",
        )  # fmt: skip
    detached = {name: value.detach().clone() for name, value in params.items()}
    x_parts, first_parts = (tuple(p.detach().clone() for p in parts) for parts in (xs, first))
    return Recurrence(step, detached, x_parts, x_form, first_parts, form)


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise DTypeError(
            name, "a tensor", type(value).__name__, "Convert it: torch.as_tensor(...)."
        )
    if value.layout is not torch.strided:
        raise DTypeError(name, "a dense tensor", str(value.layout), "Convert it: to_dense().")
    if not finite(value):
        raise NonFiniteError(name, "finite numbers", place(value), "Look where it first appears.")


def _error(part: Any, state: Tensor) -> Tensor:
    _check_tensor("dstate", part)
    if part.shape != state.shape:
        raise ShapeError(
            "dstate", f"shape {tuple(state.shape)}", str(tuple(part.shape)),
            "Pass one error per step, of the shape of the state.",
        )  # fmt: skip
    if part.is_complex() and not state.is_complex():
        raise DTypeError(
            "dstate", f"real numbers, as the state is {state.dtype}", str(part.dtype),
            "Pass dstate.real, the gradient by a real state.",
        )  # fmt: skip
    error: Tensor = part.detach().to(state)
    return error


def _differentiable(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _alike(one: TreeSpec, other: TreeSpec) -> bool:
    """The same form, where a list may stand for a tuple."""
    plain = one.type in (tuple, list) and other.type in (tuple, list)
    return one == other or (plain and one.num_children == other.num_children == one.num_leaves)


def _fits(parts: list[Any], form: TreeSpec, state: Parts, wanted: TreeSpec) -> bool:
    return (
        _alike(form, wanted)
        and all(isinstance(part, Tensor) for part in parts)
        and [part.shape for part in parts] == [part.shape for part in state]
    )


def _what_to_return(returned: Any, state: Parts, form: TreeSpec) -> str:
    """The cure, where a step returns (output, state)."""
    if isinstance(returned, tuple | list):
        for number, each in enumerate(returned):
            if _fits(*tree_flatten(each), state, form):
                return (
                    f"{ALONE} Pass lambda params, x, state: step(params, x, state)[{number}], and what the outputs "
                    "send to the states as dstate."
                )
    return ALONE


def _form(form: TreeSpec) -> str:
    if form.type is None:
        return "a tensor"
    return f"a {form.type.__name__} of {form.num_leaves}"


def _shapes(parts: Any) -> str:
    shapes = [tuple(p.shape) if isinstance(p, Tensor) else type(p).__name__ for p in parts]
    return str(shapes)


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
