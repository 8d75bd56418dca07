"""The gradient by lag of any step without the library: a copy of its parameters per call, a gradient per loss step."""

import copy
from contextlib import contextmanager

import torch


def _owner(module, name):
    *path, last = name.split(".")
    for part in path:
        module = getattr(module, part)
    return module, last


@contextmanager
def copied_per_call(module, keeps_state=False):
    """Within it each call of the module is one of a copy, or acts with copies of its parameters where it keeps a state.

    The copies' parameters are appended to what is yielded.
    """
    forward, copies = module.forward, []
    own = {name: p for name, p in module.named_parameters() if p.requires_grad}
    pristine = copy.deepcopy(module)

    def of_a_copy(*args, **kwargs):
        twin = copy.deepcopy(pristine)
        copies.append({name: p for name, p in twin.named_parameters() if p.requires_grad})
        return twin.forward(*args, **kwargs)

    def with_copies(*args, **kwargs):
        copies.append({name: p.detach().clone().requires_grad_() for name, p in own.items()})
        for name, twin in copies[-1].items():
            owner, last = _owner(module, name)
            owner._parameters[last] = twin
        try:
            return forward(*args, **kwargs)
        finally:
            for name, p in own.items():
                owner, last = _owner(module, name)
                owner._parameters[last] = p

    module.forward = with_copies if keeps_state else of_a_copy
    try:
        yield copies
    finally:
        del module.forward


def gradients(model, x, module):
    """G_k by parameter, (T, ·); ``model.losses(x)`` gives the loss of every step, None for a step without one."""
    with copied_per_call(module, getattr(module, "kept", False)) as copies:
        losses = model.losses(x)
    G = {n: torch.zeros(len(copies), *p.shape, dtype=p.dtype) for n, p in copies[0].items()}
    for t, E in enumerate(losses):
        if E is None:
            continue
        for s in range(t + 1):
            grads = torch.autograd.grad(
                E, list(copies[s].values()), retain_graph=True, allow_unused=True
            )
            for name, grad in zip(G, grads, strict=True):
                if grad is not None:
                    G[name][t - s] += grad
    return {name: value.numpy() for name, value in G.items()}


def whole_loss(model, x):
    return sum(E for E in model.losses(x) if E is not None)
