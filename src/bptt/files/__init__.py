"""Files: written whole or not at all, and read without ever unpickling."""

from bptt.files.endings import as_ending
from bptt.files.keras_files import KerasFile, read_keras
from bptt.files.kinds import kind_in, kind_of
from bptt.files.notes import check_names, parsed, reason
from bptt.files.onnx_files import read_onnx
from bptt.files.refusing import check_regular, check_unpacked
from bptt.files.tensors import read_tensors, tensors_in, write_tensors
from bptt.files.torch_weights import TORCH, read_torch, read_weights
from bptt.files.writing import check_writable, exists, write_bytes

__all__ = [
    "TORCH",
    "KerasFile",
    "as_ending",
    "check_names",
    "check_regular",
    "check_unpacked",
    "check_writable",
    "exists",
    "kind_in",
    "kind_of",
    "parsed",
    "read_keras",
    "read_onnx",
    "read_tensors",
    "read_torch",
    "read_weights",
    "reason",
    "tensors_in",
    "write_bytes",
    "write_tensors",
]
