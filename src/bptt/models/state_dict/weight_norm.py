"""Weight normalisation: PyTorch saves g and v, and computes the weight when the model runs.

W = g v / ‖v‖, the norm over every axis along which g has one entry (Salimans & Kingma 2016, eq. 2)
"""

import re

import numpy as np

from bptt.arrays import Array

# torch.nn.utils.weight_norm and torch.nn.utils.parametrizations.weight_norm
OLD = re.compile(r"(?P<name>(?:.+\.)?weight[^.]*)_g")
NEW = re.compile(r"(?P<prefix>(?:.+\.)?)parametrizations\.(?P<name>weight[^.]*)\.original0")

Normed = dict[str, tuple[str, str]]  # of a weight: the names of its g and v


def with_weights(tensors: dict[str, Array]) -> tuple[dict[str, Array], Normed]:
    """The tensors with the weights that were normed in the place of their g and v.

    >>> import numpy as np
    >>> tensors = {"weight_hh_l0_g": np.array([[10.0]]), "weight_hh_l0_v": np.array([[3.0, 4.0]])}
    >>> with_weights(tensors)
    ({'weight_hh_l0': array([[6., 8.]])}, {'weight_hh_l0': ('weight_hh_l0_g', 'weight_hh_l0_v')})
    """
    normed: Normed = {}
    for g in tensors:
        if old := OLD.fullmatch(g):
            name, v = old["name"], f"{old['name']}_v"
        elif new := NEW.fullmatch(g):
            name, v = new["prefix"] + new["name"], f"{g[:-1]}1"
        else:
            continue
        if name not in tensors and v in tensors and _fit(tensors[g], tensors[v]):
            normed[name] = g, v
    gone = {each for pair in normed.values() for each in pair}
    weights = {name: _weight(tensors[g], tensors[v]) for name, (g, v) in normed.items()}
    return {name: value for name, value in tensors.items() if name not in gone} | weights, normed


def without_weights(
    tensors: dict[str, Array], originals: dict[str, Array], normed: Normed
) -> dict[str, Array]:
    """The tensors with g and v in the place of the weights: as they were, where a weight is as it was.

    Args:
        tensors: the weights by name.
        originals: g and v by name, as the file has them.
        normed: of each weight the names of its g and v.
    """
    changed = {name: value for name, value in tensors.items() if name not in normed}
    for name, (g, v) in normed.items():
        W = tensors[name]
        same = np.array_equal(W, _weight(originals[g], originals[v]))
        changed[v] = originals[v] if same else W
        changed[g] = originals[g] if same else _norm(W, originals[g]).astype(originals[g].dtype)
    return changed


def _fit(g: Array, v: Array) -> bool:
    """Whether g has one entry, or as many as v, along every axis."""
    floats = g.dtype.kind == v.dtype.kind == "f"
    axes = zip(g.shape, v.shape, strict=False)
    return floats and (g.ndim == 0 or (g.ndim == v.ndim and all(a in (1, b) for a, b in axes)))


def _weight(g: Array, v: Array) -> Array:
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # of a v of zeros the weight is NaN, in PyTorch too
        W = g.astype(np.float64) * v / _norm(v, g)
    return np.asarray(W.astype(v.dtype))


def _norm(v: Array, g: Array) -> Array:
    """‖v‖ over the axes along which g has one entry, in the shape of g."""
    axes = tuple(axis for axis in range(v.ndim) if g.ndim == 0 or g.shape[axis] == 1)
    square = np.square(v.astype(np.float64)).sum(axes, keepdims=True)
    return np.asarray(np.sqrt(square).reshape(g.shape))
