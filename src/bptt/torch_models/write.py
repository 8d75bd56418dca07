"""A change of recurrent layers, written into a model's own modules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.models.state_dict.layer_weights import weights_of
from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.capture import recurrent_modules
from bptt.torch_models.convert import acting_layers, nonlinearity, stack_of, suffixes


def write_layers(model: nn.Module, modules: Sequence[str], layers: Sequence[Layer]) -> None:
    """Write layers into the recurrent modules of a model, in place. What a layer leaves as it is, is not written.

    PyTorch adds two biases: all of b goes into bias_ih, and bias_hh becomes zero but for a GRU's candidate.

    Args:
        model: the model.
        modules: paths of its recurrent modules.
        layers: theirs, in order.

    Raises:
        OptionError: if a module cannot take them: it has a projection, no biases, another activation, or weights
            that are computed from others or used elsewhere too.
    """
    by_path = recurrent_modules(model)
    queue = iter(layers)
    uses = _uses(model)
    planned: list[tuple[Tensor, Array]] = []
    activations: list[tuple[Any, str]] = []
    for path in modules:
        module, name = by_path[path], without_wrappers(path, model) or "model"
        own = [next(queue) for _ in suffixes(module)]
        _check(name, module, own)
        for suffix, now, layer in zip(
            suffixes(module), stack_of(acting_layers(module)).layers, own, strict=True
        ):
            for weight, value in _changed(now, layer).items():
                if module.bias or not weight.startswith("bias"):
                    planned.append((_parameter(name, module, weight + suffix, uses), value))
        if own[0].cell.choose_phi:
            activations.append((module, own[0].phi.name))
    with torch.no_grad():
        for parameter, value in planned:
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    for module, phi in activations:
        module.nonlinearity = phi
        if isinstance(module, nn.RNN):
            module.mode = f"RNN_{phi.upper()}"


def _changed(now: Layer, layer: Layer) -> dict[str, Array]:
    """The weights of a layer, by PyTorch's names, that are others than now; of two biases both or none."""
    before, after = weights_of(now), weights_of(layer)
    changed = {name for name, value in after.items() if not np.array_equal(value, before[name])}
    biases = {name for name in after if name.startswith("bias")}
    changed |= biases if changed & biases else set()
    return {name: value for name, value in after.items() if name in changed}


def _uses(model: nn.Module) -> dict[int, list[str]]:
    """Under which names a model uses each parameter, by id; a module counts once, whatever its names."""
    uses: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        for name, parameter in module._parameters.items():
            full = without_wrappers(f"{path}.{name}".lstrip("."), model)
            uses.setdefault(id(parameter), []).append(full)
    return uses


def _parameter(path: str, module: Any, name: str, uses: dict[int, list[str]]) -> Tensor:
    """The parameter of that name.

    Raises:
        OptionError: if there is none, or writing to it would change something else too.
    """
    parameter: Tensor | None = module._parameters.get(name)
    if parameter is None:
        raise OptionError(
            path, f"{name} to be a parameter of its own", "a weight that is computed from others",
            "A parametrisation, a norm or a dropout of the weights makes it anew: change what it is made from.",
        )  # fmt: skip
    if len(uses[id(parameter)]) > 1:
        raise OptionError(
            path, f"{name} to be used here alone", f"one parameter as {' and '.join(uses[id(parameter)])}",
            "A change would be one of the other too: untie them first.",
        )  # fmt: skip
    return parameter


def _check(name: str, module: Any, layers: list[Layer]) -> None:
    """Refuse layers that a module cannot take, before anything is written.

    Raises:
        OptionError: as ``write_layers``.
    """
    if getattr(module, "proj_size", 0):
        raise OptionError(
            name, "recurrent weights of their own", f"proj_size={module.proj_size}",
            "A projection is folded into W_R here: a change of W_R cannot be written back.",
        )  # fmt: skip
    if not module.bias and any(np.any(layer.b) for layer in layers):
        raise OptionError(name, "a module with biases", "bias=False", "Build it with bias=True.")
    if layers[0].cell.choose_phi:
        nonlinearity(name, layers)
