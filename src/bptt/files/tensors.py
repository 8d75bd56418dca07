"""Arrays and notes in safetensors files: no code of a file is ever run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.files.kinds import kind_of
from bptt.files.notes import reason
from bptt.files.refusing import check_regular
from bptt.files.writing import write_bytes

# NumPy's names of safetensors' types; of a bfloat16 it reads the bits.
NUMPY = {
    f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)
}
NUMPY |= {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2", "BOOL": "?"}


def write_tensors(path: str | Path, tensors: dict[str, Array], notes: dict[str, str]) -> Path:
    """Write arrays and notes as one safetensors file.

    Args:
        path: where to.
        tensors: arrays by name.
        notes: texts by name.

    Raises:
        FileError: if it cannot be written.
    """
    # safetensors writes the numbers as they lie in memory, and reads them row by row
    in_rows = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    return write_bytes(path, safetensors.numpy.save(in_rows, metadata=notes))


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file; bfloat16, which NumPy does not have, as float32.

    Raises:
        FileError: if it is missing, cut short or not a safetensors file.
    """
    try:
        check_regular(path)
        with open(path, "rb"):
            pass
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            if not any(file.get_slice(name).get_dtype() == "BF16" for name in names):
                return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
        return tensors_in(str(path), Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise FileError(
            str(path), "a .safetensors file", reason(error), "Check the path."
        ) from error
    except (SafetensorError, TypeError, AttributeError) as error:  # the last two: float8
        kind = kind_of(path)
        if kind is not None and not kind.named:
            raise FileError(str(path), "a .safetensors file", kind.what, kind.cure) from error
        raise FileError(
            str(path), "a .safetensors file", f"something else ({error})",
            "Save the model with bptt train or network.save; a state dict of PyTorch's is read by its "
            "ending: .safetensors, .pt, .pth, .bin or .ckpt.",
        ) from error  # fmt: skip


def tensors_in(name: str, content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file that is in memory; bfloat16 as float32.

    Args:
        name: of the file, for the errors.
        content: the whole file.

    Raises:
        FileError: if it is cut short, not a safetensors file, or its numbers are of a type that NumPy does not have.
    """
    read: Any = safetensors.deserialize  # has no types
    try:
        entries = read(content)
    except SafetensorError as error:
        why = str(error).removeprefix("Error while deserializing: ")
        raise FileError(
            name, "a .safetensors file", f"one that is damaged ({why})", "Save it again.",
        ) from error  # fmt: skip
    tensors = {}
    for tensor, stored in sorted(entries, key=lambda pair: pair[0]):  # they come in any order
        kind = NUMPY.get(stored["dtype"], "")
        if not kind:
            raise FileError(
                name, "tensors of whole or floating-point numbers", f"{stored['dtype']} in {tensor}",
                "Save the weights before they are quantised: model.float().",
            )  # fmt: skip
        half = stored["dtype"] == "BF16"
        values = _upper_halves(stored["data"]) if half else np.frombuffer(stored["data"], kind)
        tensors[tensor] = np.array(values).reshape(stored["shape"])
    header = int.from_bytes(content[:8], "little")  # its length; the parser has checked it
    return tensors, json.loads(content[8 : 8 + header]).get("__metadata__") or {}


def _upper_halves(data: bytes) -> Array:
    """The float32 numbers whose upper halves these are."""
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
