"""ONNX files, read by the onnx package: a graph of nodes and its constants, which is data and not code."""

from pathlib import Path
from typing import Any

from bptt.errors import FileError
from bptt.extras import needing
from bptt.files.notes import reason
from bptt.files.refusing import check_regular


def read_onnx(path: str | Path) -> Any:
    """The model in an ONNX file (onnx.ModelProto), its local functions written out in its graph.

    Constants that lie in files beside it are read from its folder.

    Raises:
        FileError: if it is missing, damaged or not such a file.
        OptionError: if the package onnx is missing.
    """
    with needing("onnx", str(path)):
        import onnx
        import onnx.inliner
    try:
        check_regular(path)
        model = onnx.load(path)
        if not model.graph.node:
            raise ValueError("it has no nodes")
        return onnx.inliner.inline_local_functions(model) if model.functions else model
    except OSError as error:
        raise FileError(str(path), "an ONNX file", reason(error), "Check the path.") from error
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        first = str(error).strip().partition("\n")[0]
        raise FileError(
            str(path), "an ONNX file", f"something else ({first or type(error).__name__})",
            "Export the model again: torch.onnx.export(model.eval(), (x,), path).",
        ) from error  # fmt: skip
