"""One layer of a Keras model, and where its arrays stand in the file."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.files.keras_files import SAVE, KerasFile

# where the arrays of a layer stand within its group, in the order of layer.get_weights()
WITHIN = {
    "Bidirectional": ("forward_layer/cell/vars", "backward_layer/cell/vars"),
    "TimeDistributed": ("layer/vars",),
    "Dense": ("vars",),
}


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a model.

    Attributes:
        name: as the model has it.
        kind: its class.
        config: its configuration; empty where only weights were saved.
        group: where its arrays stand, in a file of Keras 3's.
    """

    name: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    group: str = ""

    @classmethod
    def of(cls, config: dict[str, Any], group: str = "") -> "KerasLayer":
        """The layer of a configuration.

        Raises:
            KeyError, TypeError: if it is none.
        """
        inner = config.get("config") or {}
        return cls(
            str(inner.get("name", config.get("name", ""))), config["class_name"], inner, group
        )

    @property
    def inner(self) -> "KerasLayer":
        """The layer that a wrapper (Bidirectional, TimeDistributed) wraps."""
        return KerasLayer.of(self.config["layer"])


def arrays_of(file: KerasFile, layer: KerasLayer) -> list[Array]:
    """A layer's arrays: kernel, recurrent_kernel and bias, those of the backward direction after them; half precision becomes float32.

    Raises:
        FileError: if the file has none.
    """
    paths = [path for path in file.listed.get(layer.name, ()) if path in file.arrays]
    if not file.listed:
        for within in WITHIN.get(layer.kind, ("cell/vars",)):
            place = re.compile(rf"{re.escape(layer.group)}/{within}/\d+")
            found = [path for path in file.arrays if place.fullmatch(path)]
            paths += sorted(found, key=lambda path: int(path.rpartition("/")[2]))
    if not paths:
        raise FileError(file.path, f"arrays of the layer {layer.name!r}", "none", SAVE)
    arrays = (file.arrays[path] for path in paths)
    return [array.astype(np.result_type(array, np.float32)) for array in arrays]
