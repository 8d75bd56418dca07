"""Which module is the step: as the user names it, or found where one is called again and again and its outputs come in again."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from bptt.errors import OptionError
from bptt.torch_models.as_found import is_pytorchs, unwrapped, without_wrappers
from bptt.torch_models.capture import Loss, one_number
from bptt.torch_models.capture.behind import Behind
from bptt.torch_models.stepped.kept_state import KeptState
from bptt.torch_models.stepped.reference import held

Named = str | type | nn.Module


def named(model: nn.Module, recurrent: Any) -> dict[str, nn.Module]:
    """The modules that the user means, by name; of those within one another the outermost.

    Args:
        model: the user's.
        recurrent: a module's dotted name, a class, its class's name, or the module itself.

    Raises:
        OptionError: if there is none, or it cannot be taken apart.
    """
    every = _modules(model)
    if isinstance(recurrent, nn.Module):
        wanted = unwrapped(recurrent)
        found = {path: module for path, module in every.items() if module is wanted}
    elif isinstance(recurrent, type):
        found = {path: module for path, module in every.items() if isinstance(module, recurrent)}
    elif isinstance(recurrent, str):
        found = _under(model, recurrent)
        found = found or {p: m for p, m in every.items() if type(m).__name__ == recurrent}
    else:
        raise OptionError(
            "recurrent", "a module's name, a class, its name, or the module itself", type(recurrent).__name__,
            'Pass the name of the module of one step, for example recurrent="core.cell".',
        )  # fmt: skip
    if not found:
        raise OptionError(
            "recurrent", f"one of {_listed(every, recurrent)}", _asked(recurrent),
            "Pass a module's dotted name, a class, its name, or the module itself.",
        )  # fmt: skip
    for path, module in found.items():
        if isinstance(module, torch.jit.ScriptModule):
            raise OptionError(
                "recurrent", "a module whose Python can be run", f"{path or 'the model'}, a scripted one",
                "Pass the model as it was before torch.jit.script or torch.jit.trace.",
            )  # fmt: skip
    return outermost(found)


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its name without wrappers; what wraps another is left out."""
    every: dict[str, nn.Module] = {}
    for path, module in model.named_modules():
        if unwrapped(module) is module:
            every[without_wrappers(path, model)] = module
    return every


def _under(model: nn.Module, name: str) -> dict[str, nn.Module]:
    """The module under a name, with or without those of wrappers; one that has several names has this one too."""
    for path, module in model.named_modules(remove_duplicate=False):
        plain = without_wrappers(path, model)
        if name in (path, plain):
            return {plain: unwrapped(module)}
    return {}


def outermost(modules: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Those that lie within none of the others."""
    return {
        path: module for path, module in modules.items()
        if not any(other != path and f"{path}.".startswith(f"{other}." if other else "") for other in modules)
    }  # fmt: skip


def _listed(every: dict[str, nn.Module], recurrent: Any) -> str:
    """The modules that may be meant, with their classes: the likest names first."""
    with_parameters = {p: m for p, m in every.items() if p and any(True for _ in m.parameters())}
    names = list(with_parameters)
    if isinstance(recurrent, str):
        likeness = difflib.SequenceMatcher(b=recurrent)

        def unlike(name: str) -> float:
            likeness.set_seq1(name)
            return -likeness.ratio()

        names.sort(key=unlike)
    listed = ", ".join(f"{p!r} ({type(with_parameters[p]).__name__})" for p in names[:8])
    return (
        f"{listed}{' and others' if len(names) > 8 else ''}"
        if names
        else "the modules of the model"
    )


def _asked(recurrent: Any) -> str:
    if isinstance(recurrent, type):
        return recurrent.__name__
    return repr(recurrent) if isinstance(recurrent, str) else f"another {type(recurrent).__name__}"


@dataclass(eq=False)
class _Met:
    """The calls of one module.

    Attributes:
        bit: that stands for it.
        came: the nodes of what came in, or was kept, call by call.
        went: the nodes of what it put out or keeps, call by call.
        direct: whether something that it had put out came in as it was.
    """

    bit: int
    came: list[set[Any]] = field(default_factory=list)
    went: list[set[Any]] = field(default_factory=list)
    direct: bool = False


def found(model: nn.Module, batch: Any, loss: Loss) -> dict[str, nn.Module]:
    """The steps of a model, by name: none where there is no such module.

    A module counts that is called more than once and is given what was made of its own earlier outputs, or keeps it. Where
    for some of them that comes in as it was put out, the others are left out: parts of what lies between the steps.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
    """
    modules = {
        path: module
        for path, module in _modules(model).items()
        if any(True for _ in module.parameters()) and not isinstance(module, torch.jit.ScriptModule)
    }
    met = {path: _Met(1 << number) for number, path in enumerate(modules)}
    with held(model, {"": model}), _watching(modules, met):
        E = loss(model, batch)
        one_number(E)
    put_out: dict[Any, int] = {}
    for own in met.values():
        for nodes in own.went:
            for node in nodes:
                put_out[node] = put_out.get(node, 0) | own.bit
    behind = Behind(put_out)
    steps = {}
    for path, own in met.items():
        if len(own.came) > 1 and _comes_in(own, behind):
            steps[path] = modules[path]
    direct = {path: module for path, module in steps.items() if met[path].direct}
    return outermost(direct or steps)


def _comes_in(own: _Met, behind: Behind) -> bool:
    earlier: set[Any] = set()
    comes = False
    for came, went in zip(own.came, own.went, strict=True):
        own.direct = own.direct or bool(came & earlier)
        comes = comes or own.direct or any(behind.of(node) & own.bit for node in came)
        earlier |= went
    return comes


@contextmanager
def _watching(modules: dict[str, nn.Module], met: dict[str, _Met]) -> Iterator[None]:
    """Within it the calls of the modules are written down."""
    handles = []
    for path, module in modules.items():
        own = met[path]
        keeps = None if is_pytorchs(module) else KeptState(module)

        def before(_: Any, args: Any, kwargs: Any, own: _Met = own, keeps: Any = keeps) -> None:
            if torch.is_grad_enabled():
                kept = keeps.tensors() if keeps is not None else []
                own.came.append(_nodes((args, kwargs, kept)))

        def after(_: Any, args: Any, output: Any, own: _Met = own, keeps: Any = keeps) -> None:
            if torch.is_grad_enabled():
                kept = keeps.tensors() if keeps is not None else []
                own.went.append(_nodes((output, kept)))

        handles += [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after),
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _nodes(values: Any) -> set[Any]:
    leaves, _ = tree_flatten(values)
    return {
        leaf.grad_fn for leaf in leaves if isinstance(leaf, Tensor) and leaf.grad_fn is not None
    }
