"""What a file is, by what stands in it: the weights that are read, and what else people have.

Only the first bytes are looked at, the list of what a zip archive holds, and the last eight bytes. Nothing is
unpacked and nothing is unpickled.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from bptt.errors import FileError
from bptt.files.refusing import check_regular

HEAD = 2**16  # bytes that are looked at
JSON = 2**24  # of an index of shards, at most
PICKLED = "a pickled object, which could run any code and was not opened"
WEIGHTS = "Save the weights alone: torch.save(model.state_dict(), path)."
BY_NAME = (
    "Save its arrays by PyTorch's names (rnn.weight_ih_l0, ...) with safetensors.numpy.save_file."
)
OF_KERAS = (
    "Read it with bptt.from_keras(path); its save('model.safetensors') writes a .safetensors file."
)
OF_ONNX = (
    "Read it with bptt.from_onnx(path); its save('model.safetensors') writes a .safetensors file."
)
UNPACK = "Unpack it and pass the file of the weights."
DOWNLOAD = "Download the file itself."


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        what: it is, after "got".
        cure: how to get weights by name; empty for those that are.
        reader: which format it is; None for what is not read.
    """

    what: str
    cure: str
    reader: Literal["safetensors", "torch", "keras", "onnx"] | None = None

    @property
    def named(self) -> bool:
        """Whether it holds weights by name and nothing else: a state dict."""
        return self.reader in ("safetensors", "torch")


SAFETENSORS = Kind("a safetensors file", "", "safetensors")
TORCH_ZIP = Kind("a zip archive, as torch.save writes", "", "torch")
TORCH_LEGACY = Kind("a file that torch.save wrote", "", "torch")
KERAS = Kind("a model of Keras", OF_KERAS, "keras")
ONNX = Kind("a model in ONNX", OF_ONNX, "onnx")
SAVED_MODEL = Kind("a SavedModel of TensorFlow", BY_NAME)
ARCHIVE = Kind("a zip archive without weights of PyTorch's", UNPACK)

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before 1.6
STARTS = {
    b"\x93NUMPY": Kind("an array of NumPy's", BY_NAME),
    b"GGUF": Kind("a GGUF file of llama.cpp", WEIGHTS),
    b"version https://git-lfs": Kind("a pointer of Git LFS, not the file itself", "Run git lfs pull."),
    b"MZ": Kind("a program", WEIGHTS),
    b"\x7fELF": Kind("a program", WEIGHTS),
    b"\x1f\x8b": Kind("a gzip archive", UNPACK),
    b"BZh": Kind("a bzip2 archive", UNPACK),
    b"\xfd7zXZ\0": Kind("an xz archive", UNPACK),
    b"7z\xbc\xaf\x27\x1c": Kind("a 7z archive", UNPACK),
    b"(\xb5/\xfd": Kind("a Zstandard archive", UNPACK),
    b"Rar!": Kind("a RAR archive", UNPACK),
    b"MATLAB 5.0": Kind("a file of MATLAB's", BY_NAME),
}  # fmt: skip
ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
OLD_PICKLE = re.compile(rb"(\(dp?\d*\n|\(lp?\d*\n|c[\w.]+\n\w+\n)")


def kind_of(path: str | Path) -> Kind | None:
    """What stands in a file or folder; None where that is not known, or there is nothing.

    Args:
        path: of the file or folder.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _folder(path)
        if not path.exists():
            index = path.with_name(f"{path.name}.index")
            return _checkpoint_of_tensorflow() if index.exists() else None
        check_regular(path)
        with path.open("rb") as stream:
            known = kind_in(stream)
    except OSError:  # the reader says what is wrong with it
        return None
    if known is None and re.search(r"\.data-\d{5}-of-\d{5}$", path.name):
        return _checkpoint_of_tensorflow()
    return known


def kind_in(content: BinaryIO | bytes) -> Kind | None:
    """What stands in an open file or in its content; None where that is not known.

    Args:
        content: a file opened for reading bytes, or all that is in it.
    """
    stream = BytesIO(content) if isinstance(content, bytes) else content
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(HEAD)
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and header <= size - 8:
        return SAFETENSORS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(stream)
    if head.startswith(LEGACY):
        return TORCH_LEGACY
    if any(head[at:].startswith(b"\x89HDF\r\n\x1a\n") for at in (0, 512, 1024, 2048)):
        keras = b"keras_version" in head or b"vars" in head
        writers = "Keras writes" if keras else "Keras and MATLAB write"
        return Kind(f"an HDF5 file, as {writers}", OF_KERAS, "keras")
    for start, kind in STARTS.items():
        if head.startswith(start):
            return kind
    if head.startswith(ZLIB):
        return Kind("a compressed file, as joblib.dump writes, which was not opened", WEIGHTS)
    if (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05") or OLD_PICKLE.match(head):
        by = " by joblib" if b"joblib" in head else ""
        return Kind(PICKLED.replace("object", f"object{by}", 1), WEIGHTS)
    if head[257:262] == b"ustar":
        return Kind("a tar archive", UNPACK)
    if head[4:8] == b"TFL3":
        return Kind("a model of TensorFlow Lite", BY_NAME)
    if (
        size > 8 and _last(stream) == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
    ):  # the end of a table of LevelDB
        return _checkpoint_of_tensorflow()
    return _protobuf(head, size) or _text(stream, head, size)


def refusal(path: str | Path, kind: Kind) -> FileError:
    """The error for a kind of file that is not read.

    Args:
        path: of the file, as the user knows it.
        kind: what stands in it.
    """
    return FileError(
        str(path), "a .safetensors file or a state dict that torch.save wrote", kind.what, kind.cure
    )


def _checkpoint_of_tensorflow() -> Kind:
    return Kind("a checkpoint of TensorFlow", BY_NAME)


def _folder(path: Path) -> Kind:
    names = sorted(each.name for each in path.iterdir())
    if "saved_model.pb" in names or "keras_metadata.pb" in names:
        return Kind("the folder of a SavedModel of TensorFlow", BY_NAME)
    weights = [
        name for name in names if name.endswith((".safetensors", ".pt", ".pth", ".bin", ".ckpt"))
    ]
    if weights:
        return Kind("a folder", f"Pass a file in it: {', '.join(weights[:4])}.")
    if "checkpoint" in names and any(name.endswith(".index") for name in names):
        return Kind("a folder with checkpoints of TensorFlow", BY_NAME)
    return Kind("a folder", "Pass the file of the weights.")


def _zip(stream: BinaryIO) -> Kind | None:
    """By the list of its parts; one that is damaged is known by nothing."""
    try:
        names = zipfile.ZipFile(stream).namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return TORCH_ZIP  # the reader says what is wrong with it
    ends = [name.partition("/")[2] for name in names]
    if "constants.pkl" in ends:
        return Kind(
            "a model of TorchScript", "Save its weights alone: torch.save(torch.jit.load(path).state_dict(), 'weights.pt')."
        )  # fmt: skip
    if "data.pkl" in ends:
        return TORCH_ZIP
    if "archive_format" in ends or "models/model.json" in ends:
        return Kind(
            "a model of torch.export", "Save its weights alone: torch.save(torch.export.load(path).state_dict, 'weights.pt')."
        )  # fmt: skip
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return KERAS
    if any(name.endswith("saved_model.pb") for name in names):
        return SAVED_MODEL
    if names and all(name.endswith(".npy") for name in names):
        return Kind(
            "arrays of NumPy's (.npz)",
            "If their names are PyTorch's: safetensors.numpy.save_file(dict(np.load(path)), 'weights.safetensors').",
        )  # fmt: skip
    return ARCHIVE


def _last(stream: BinaryIO) -> bytes:
    stream.seek(-8, 2)
    return stream.read(8)


def _protobuf(head: bytes, size: int) -> Kind | None:
    """ONNX and SavedModel begin with a version and go on with parts that have a number and a length."""
    fields = list(_fields(head, size))
    numbers = [number for number, _, _ in fields]
    if not fields or fields[0][:2] != (1, 0) or not 0 < fields[0][2] < 64:
        return None
    if set(numbers) == {1, 2} and fields[1][1] == 2 and fields[1][2] > 256:
        return SAVED_MODEL
    graph = any(number == 7 and kind == 2 for number, kind, _ in fields)
    if graph and set(numbers) <= {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}:
        return ONNX
    return None


def _fields(head: bytes, size: int) -> Iterator[tuple[int, int, int]]:
    """(number, kind, value or length) of the parts of a protobuf message, as far as its head reaches."""
    at = 0
    while at < len(head):
        tag, at = _varint(head, at)
        value, at = _varint(head, at)
        number, kind = tag >> 3, tag & 7
        if not number or kind not in (0, 2) or (kind == 2 and at + value > size):
            yield 0, 0, 0  # no such message
            return
        yield number, kind, value
        at += value if kind == 2 else 0


def _varint(head: bytes, at: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = head[at] if at < len(head) else 0
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            break
    return value, at


def _text(stream: BinaryIO, head: bytes, size: int) -> Kind | None:
    start = head.lstrip()[:64].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return Kind("a web page, as a download that failed leaves", DOWNLOAD)
    if not start.startswith(b"{") or size > JSON:
        return None
    stream.seek(0)
    try:
        content = json.loads(stream.read())
    except (ValueError, RecursionError):
        return None
    shards = content.get("weight_map")
    if not isinstance(shards, dict):
        return Kind("a JSON text", "Pass the file of the weights.")
    recurrent = [file for name, file in shards.items() if "weight_hh" in name]
    parts = ", ".join(dict.fromkeys(map(str, recurrent or shards.values())))
    return Kind(
        "an index of weights that lie in several files",
        f"Pass the file that holds the recurrent module and the readout ({parts}), or join them: "
        "safetensors.torch.save_file({k: v for f in files for k, v in load_file(f).items()}, path).",
    )  # fmt: skip
