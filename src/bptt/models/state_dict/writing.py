"""Layers back into a state dict, by PyTorch's names."""

from collections.abc import Sequence
from pathlib import Path

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.layers import Layer
from bptt.models.state_dict.layer_weights import weights_of
from bptt.models.state_dict.parts import joined, parts_of


def with_layers(
    tensors: dict[str, Array],
    layers: Sequence[Layer],
    *,
    recurrent: str | None = None,
    readout: str | None = None,
    path: str | Path,
) -> dict[str, Array]:
    """The state dict with other recurrent weights; everything else, and every type, stays.

    PyTorch adds two biases: all of b goes into bias_ih, and bias_hh becomes zero but for a GRU's candidate.

    Args:
        tensors: the weights by PyTorch's names.
        layers: bottom first, forward before backward.
        recurrent: as for ``network_of``.
        readout: as for ``network_of``.
        path: of the file, for the errors.

    Raises:
        FileError: if there are no biases to write to.
    """
    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=path)
    ends = [end for level in parts.levels for end in level]
    changed = dict(tensors)
    for end, layer in zip(ends, layers, strict=True):
        for name, value in weights_of(layer).items():
            full = joined(parts.recurrent, name + end)
            if full in tensors:
                changed[full] = value.astype(tensors[full].dtype)
            elif value.any():
                raise FileError(
                    str(path), f"a tensor {full} to write a bias to", "none",
                    "The module has bias=False: choose another remedy.",
                )  # fmt: skip
    return changed
