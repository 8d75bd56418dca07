"""What autograd says of a model without this library: the gradient of each recurrent layer's weights."""

import torch
from torch import nn


def module_of(model):
    """The module that a net of skorch keeps; any other model is one itself."""
    return getattr(model, "module_", model)


def split(model, layer):
    """A layer's name in the report, as its module and the name of its recurrent weights."""
    recurrent = nn.RNNBase | nn.RNNCellBase
    paths = [path for path, m in model.named_modules() if isinstance(m, recurrent)]
    path = max((p for p in paths if layer.startswith(f"{p}.")), key=len)
    level, _, way = layer.removeprefix(f"{path}.").partition(".")
    module = model.get_submodule(path)
    if isinstance(module, nn.RNNCellBase):
        return module, "weight_hh"
    return module, f"weight_hh_l{level}" + ("_reverse" if way == "backward" else "")


def recurrent_gradients(setup, layers):
    """The loss, and by layer the gradient by the weights that acted in each call, summed over calls."""
    model = module_of(setup.model)
    acted = {layer: [] for layer in layers}
    hooks = []
    for layer in layers:
        module, name = split(model, layer)

        def note(module, _, layer=layer, name=name):
            weight = getattr(module, name)
            if not any(weight is before for before in acted[layer]):
                acted[layer].append(weight)

        hooks.append(module.register_forward_pre_hook(note))
    E = setup.loss(model, setup.batch)
    for hook in hooks:
        hook.remove()
    flat = [weight for weights in acted.values() for weight in weights]
    at = iter(torch.autograd.grad(E, flat))
    return float(E.detach()), {layer: sum(next(at) for _ in acted[layer]) for layer in layers}
