"""Keras' files, read without Keras: what a model is made of, and its arrays.

    .keras        a zip archive with config.json and model.weights.h5
    .h5           one HDF5 file: the configuration is an attribute, or missing where only weights were saved
    .weights.h5   weights alone

Only numbers and JSON are read. Nothing is unpickled and no code of a file is run: a layer that holds code
(Lambda) is a name here and no more. A link to another file is not followed.
"""

import json
import re
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import BpttError, FileError
from bptt.extras import needing
from bptt.files.notes import reason
from bptt.files.refusing import check_regular, check_unpacked

CONFIG = 2**24  # bytes of a configuration, at most
SAVE = "Save the whole model: model.save('model.keras')."
LEGACY = "weight_names"  # the attribute by which a layer of a .h5 file lists its arrays


@dataclass(frozen=True, eq=False)
class KerasFile:
    """What stands in a file of Keras'.

    Attributes:
        path: of the file, for the errors.
        config: class_name and config of the model; None where only weights were saved.
        loss: what the model was compiled with, as the file has it; None where it was not.
        arrays: by their path in the file.
        listed: the paths of each layer's arrays in their order, by the layer's name; empty but for a .h5 file of
            the older form.
    """

    path: str
    config: dict[str, Any] | None
    loss: Any
    arrays: dict[str, Array] = field(repr=False)
    listed: dict[str, list[str]] = field(repr=False)


def read_keras(path: str | Path) -> KerasFile:
    """What a .keras, .h5 or .weights.h5 file holds.

    Raises:
        FileError: if it cannot be read, is damaged or is not such a file.
        OptionError: if h5py is missing.
    """
    name = str(path)
    try:
        check_regular(path)
        if not zipfile.is_zipfile(path):
            with open(path, "rb") as file:
                return _hdf5(name, file)
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > CONFIG:
                raise ValueError("its configuration is too long")
            config = _mapping(archive.read("config.json")) or {}
            check_unpacked(archive.getinfo("model.weights.h5"))
            content = _hdf5(name, BytesIO(archive.read("model.weights.h5")))
    except BpttError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        raise FileError(name, "a file that Keras wrote", reason(error), SAVE) from error
    compiled = config.get("compile_config") or {}
    return KerasFile(name, config, compiled.get("loss"), content.arrays, {})


def _hdf5(name: str, stream: Any) -> KerasFile:
    with needing("keras", name):
        import h5py
    arrays: dict[str, Array] = {}
    listed: dict[str, list[str]] = {}

    def visit(path: str, found: Any) -> None:
        if path.startswith(("optimizer", "_optimizer")):
            return
        if not isinstance(found, h5py.Dataset):
            if LEGACY in found.attrs:
                listed[path.rpartition("/")[2]] = [
                    f"{path}/{_text(each)}" for each in found.attrs[LEGACY]
                ]
            return
        if found.dtype.kind not in "fiu":
            return
        elsewhere = found.is_virtual or found.external is not None
        if elsewhere or found.id.get_storage_size() != found.nbytes:
            raise FileError(
                name, "arrays that lie in the file as they are",
                f"{path}, which is {'in another file' if elsewhere else 'compressed or empty'}", SAVE,
            )  # fmt: skip
        arrays[path] = np.asarray(found[()])

    with h5py.File(stream, "r") as file:
        file.visititems(visit)  # follows no link that leaves the file
        config, compiled = (
            _mapping(_text(file.attrs.get(each, "null")))
            for each in ("model_config", "training_config")
        )
        weights = file.get("model_weights", file)
        order = [_text(each) for each in weights.attrs.get("layer_names", ())]
    loss = (compiled or {}).get("loss")
    return KerasFile(name, config, loss, arrays, {each: listed.get(each, []) for each in order})


def _mapping(text: str | bytes) -> dict[str, Any] | None:
    """What a JSON text holds.

    Raises:
        ValueError: if it is no JSON, or holds something else than a dictionary or nothing.
    """
    content = json.loads(text)
    if content is not None and not isinstance(content, dict):
        raise ValueError("its configuration is no dictionary")
    return content


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in files.

    >>> snake_case("SimpleRNN"), snake_case("TimeDistributed"), snake_case("LSTM")
    ('simple_rnn', 'time_distributed', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
