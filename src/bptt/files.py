"""Files: written whole or not at all, and read without ever unpickling."""

import json
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from bptt.arrays import Array
from bptt.errors import FileError

T = TypeVar("T")
TORCH = (".pt", ".pth", ".bin", ".ckpt")  # what torch.save is asked to write
NUMPY = {
    f"{kind}{bits}": f"<{kind.lower()}{bits // 8}" for kind in "IU" for bits in (8, 16, 32, 64)
}
NUMPY |= {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",
    "BOOL": "?",
}  # safetensors' names


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file under a temporary name beside it, then rename: no reader ever sees half of it.

    Raises:
        FileError: if the folder does not exist or cannot be written to.
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise FileError(
            str(path), "a place to write to", error.strerror or str(error), "Choose another path."
        ) from error
    return path


def write_tensors(path: str | Path, tensors: dict[str, Array], notes: dict[str, str]) -> Path:
    """Write arrays and notes as one safetensors file.

    Raises:
        FileError: if it cannot be written.
    """
    return write_bytes(path, safetensors.numpy.save(tensors, metadata=notes))


def exists(path: str | Path) -> bool:
    """Whether something stands there; a path too long to exist does not."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def check_writable(path: str | Path) -> None:
    """Refuse a path before the work is done whose result it is for.

    Raises:
        FileError: if no file can be written there.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if len(path.name.encode()) > 240:  # a temporary name beside it must fit too
            raise OSError(36, "File name too long")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FileError(
            str(path), "a place to write to", reason(error), "Choose another path."
        ) from error


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file; bfloat16, which NumPy has not, as float32.

    Raises:
        FileError: if it is missing, cut short or not a safetensors file.
    """
    try:
        with open(path, "rb"):
            pass
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            halves = [name for name in names if file.get_slice(name).get_dtype() == "BF16"]
            tensors = {name: file.get_tensor(name) for name in names if name not in halves}
            notes = file.metadata() or {}
        return tensors | (_bfloat16(path, halves) if halves else {}), notes
    except (OSError, ValueError) as error:
        raise FileError(
            str(path), "a .safetensors file", reason(error), "Check the path."
        ) from error
    except (SafetensorError, TypeError, AttributeError) as error:  # the last two: float8
        raise FileError(
            str(path), "a .safetensors file", f"something else ({error})",
            "Save the model with bptt train or network.save; a state dict of PyTorch's is read by its "
            "ending: .safetensors, .pt, .pth, .bin or .ckpt.",
        ) from error  # fmt: skip


def tensors_in(name: str, content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file that is in memory; bfloat16 as float32.

    Args:
        name: of the file, for the errors.
        content: all of it.

    Raises:
        FileError: if it is cut short, not a safetensors file, or its numbers are of a type NumPy has not.
    """
    read: Any = safetensors.deserialize  # has no types
    try:
        found = read(content)
    except SafetensorError as error:
        why = str(error).removeprefix("Error while deserializing: ")
        raise FileError(
            name, "a .safetensors file", f"one that is damaged ({why})", "Save it again.",
        ) from error  # fmt: skip
    tensors = {}
    for tensor, stored in sorted(found, key=lambda pair: pair[0]):  # they come in any order
        kind = NUMPY.get(stored["dtype"], "")
        if not kind:
            raise FileError(
                name, "tensors of whole or floating-point numbers", f"{stored['dtype']} in {tensor}",
                "Save the weights before they are quantised: model.float().",
            )  # fmt: skip
        half = stored["dtype"] == "BF16"
        values = _upper_halves(stored["data"]) if half else np.frombuffer(stored["data"], kind)
        tensors[tensor] = np.array(values).reshape(stored["shape"])
    size = int.from_bytes(
        content[:8], "little"
    )  # of the header, which the parser has found in order
    return tensors, json.loads(content[8 : 8 + size]).get("__metadata__") or {}


def read_weights(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a file: what torch.save wrote has no notes.

    Raises:
        FileError: if it cannot be read, or holds more than weights.
    """
    if Path(path).suffix in TORCH:
        return read_torch(path), {}
    return read_tensors(path)


def read_torch(path: str | Path) -> dict[str, Array]:
    """The tensors that torch.save wrote; those of half precision as float32.

    Args:
        path: holds a state dict, or a dictionary in which state dicts lie ("state_dict" of a
            Lightning checkpoint). Where there are several, each name starts with its key.

    Raises:
        FileError: if PyTorch is missing, the file too, or it holds anything but plain values: an
            object of a class is rebuilt by running code, and no code of a file is ever run.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise FileError(
            str(path), f"PyTorch, which reads {Path(path).suffix} files", "none installed",
            "pip install 'bptt[torch]', or save the weights as .safetensors.",
        ) from None  # fmt: skip
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):
        # CVE-2025-32434: before 2.6 a file could run code in spite of weights_only
        raise FileError(
            str(path), "PyTorch 2.6 or newer, which reads it safely", torch.__version__,
            "Update PyTorch, or save the weights as .safetensors.",
        )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of odd files, the error below says
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(
            str(path), "a file that torch.save wrote", reason(error), "Check the path."
        ) from error
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found:
            got = f"a pickled object, {found[1]}, which could run any code and was not opened"
        elif type(error).__name__ == "UnpicklingError":
            got = "something else; it could be a pickled object and was not opened"
        else:
            first = str(error).strip().partition("\n")[0].partition(". ")[0]
            got = f"something else ({first or type(error).__name__})"
        raise FileError(
            str(path), "a state dict that torch.save wrote", got,
            "Save the weights alone: torch.save(model.state_dict(), path).",
        ) from error  # fmt: skip

    def tensors(mapping: Any) -> dict[str, Any]:
        pairs = mapping.items() if isinstance(mapping, dict) else ()
        return {k: v for k, v in pairs if isinstance(k, str) and isinstance(v, torch.Tensor)}

    found_in = {"": tensors(loaded)}
    if not found_in[""] and isinstance(loaded, dict):
        found_in = {str(key): part for key, value in loaded.items() if (part := tensors(value))}
    arrays = {}
    for key, part in found_in.items():
        for name, tensor in part.items():
            full = name if len(found_in) == 1 else f"{key}.{name}"
            half = tensor.is_floating_point() and tensor.dtype != torch.float64
            try:
                arrays[full] = np.asarray((tensor.float() if half else tensor).detach().numpy())
            except (RuntimeError, TypeError, NotImplementedError) as error:
                raise FileError(
                    str(path), "plain numbers in every tensor", f"{tensor.dtype} in {full}",
                    "Save the weights before they are quantised or made sparse.",
                ) from error  # fmt: skip
    return arrays


def _bfloat16(path: str | Path, names: Collection[str]) -> dict[str, Array]:
    """Tensors of bfloat16, the upper half of a float32, as float32."""
    found = {}
    read: Any = safetensors.deserialize  # has no types
    for name, tensor in read(Path(path).read_bytes()):
        if name in names:
            found[name] = _upper_halves(tensor["data"]).reshape(tensor["shape"])
    return found


def _upper_halves(data: bytes) -> Array:
    """The float32 numbers whose upper halves these are."""
    return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)


def reason(error: Exception) -> str:
    """Why a file could not be read, in lower case: "no such file or directory"."""
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_names(path: str | Path, found: Collection[str], wanted: Iterable[str], what: str) -> None:
    """Refuse a file in which something is missing.

    Raises:
        FileError: naming what is.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        raise FileError(
            str(path), what, f"a file without {', '.join(missing)}",
            "Save the model with bptt train or network.save.",
        )  # fmt: skip


def parsed(path: str | Path, name: str, parse: Callable[[], T]) -> T:
    """What a note of a file says.

    Raises:
        FileError: if it cannot be read.
    """
    try:
        return parse()
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(
            str(path),
            f"a readable note {name!r}",
            str(error),
            "The file is damaged: save it again.",
        ) from error
