"""Weights that torch.save wrote, read without running any code in the file."""

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.files.kinds import HEAD, TORCH_LEGACY, TORCH_ZIP, WEIGHTS, kind_of, refusal
from bptt.files.notes import reason
from bptt.files.refusing import check_regular
from bptt.files.tensors import read_tensors

TORCH = (".pt", ".pth", ".bin", ".ckpt")  # what torch.save is asked to write


def read_weights(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a file: what torch.save wrote has no notes.

    What a file is follows from what stands in it, and from its name where that tells nothing.

    Raises:
        FileError: if it cannot be read, holds more than weights, or is a file of another kind; it says which.
    """
    kind = kind_of(path)
    if kind is not None and not kind.named:
        raise refusal(path, kind)
    if kind is TORCH_ZIP or kind is TORCH_LEGACY or (kind is None and Path(path).suffix in TORCH):
        return read_torch(path), {}
    return read_tensors(path)


def read_torch(path: str | Path) -> dict[str, Array]:
    """The tensors that torch.save wrote; those of half precision as float32.

    Args:
        path: holds a state dict, or a dictionary in which state dicts lie ("state_dict" of a
            Lightning checkpoint). Where there are several, each name starts with its key.

    Raises:
        FileError: if PyTorch or the file is missing, or the file holds anything but plain values: an object of
            a class is rebuilt by running code, and no code of a file is ever run.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise FileError(
            str(path), f"PyTorch, which reads {Path(path).suffix} files of torch.save", "none installed",
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
            check_regular(path)
            with open(path, "rb") as stream:  # of a path the ending would count
                loaded = torch.load(stream, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(
            str(path), "a file that torch.save wrote", reason(error), "Check the path."
        ) from error
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        pickled = re.search(r"GLOBAL (\S+)", str(error))
        if pickled:
            got = f"a pickled object, {pickled[1]}, which could run any code and was not opened"
        elif type(error).__name__ == "UnpicklingError":
            got = "something else; it could be a pickled object and was not opened"
        else:
            first = str(error).strip().partition("\n")[0].partition(". ")[0]
            got = f"something else ({first or type(error).__name__})"
        raise FileError(
            str(path), "a state dict that torch.save wrote", got, _weights_alone(path)
        ) from error  # fmt: skip

    def tensors(mapping: Any) -> dict[str, Any]:
        """Those of a dictionary, by name."""
        pairs = mapping.items() if isinstance(mapping, dict) else ()
        return {k: v for k, v in pairs if isinstance(k, str) and isinstance(v, torch.Tensor)}

    parts = {"": tensors(loaded)}
    if not parts[""] and isinstance(loaded, dict):
        parts = {str(key): part for key, value in loaded.items() if (part := tensors(value))}
    arrays = {}
    for key, part in parts.items():
        for name, tensor in part.items():
            full = name if len(parts) == 1 else f"{key}.{name}"
            half = tensor.is_floating_point() and tensor.dtype != torch.float64
            try:
                arrays[full] = np.asarray((tensor.float() if half else tensor).detach().numpy())
            except (RuntimeError, TypeError, NotImplementedError) as error:
                raise FileError(
                    str(path), "plain numbers in every tensor", f"{tensor.dtype} in {full}",
                    "Save the weights before they are quantised or made sparse.",
                ) from error  # fmt: skip
    return arrays


def _weights_alone(path: str | Path) -> str:
    """How to save the weights without the rest; of a Lightning checkpoint from the checkpoint itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            by_lightning = any(
                b"pytorch-lightning_version" in _head(archive, name) for name in pickles
            )
    except Exception:  # an older form; a damaged archive fails in as many ways as there are bytes
        return WEIGHTS
    if by_lightning:
        return (
            "Save the weights alone: torch.save(YourModule.load_from_checkpoint(path).state_dict(), "
            "'weights.pt')."
        )
    return WEIGHTS


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of a part of an archive, which may unpack to any size."""
    with archive.open(name) as part:
        return part.read(HEAD)
