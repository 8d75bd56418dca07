"""The compiled module that this processor runs best: C++ in ``cpp/``, one module per instruction set.

``compiled`` is the best module that this processor can run, or None: where the package was not built, or
the environment says ``BPTT_KERNELS=numpy``. A name of an instruction set there asks for that one.
"""

import os
from importlib import import_module
from types import ModuleType

from bptt.errors import OptionError

NAMES = ("avx512", "avx2", "baseline")


def available() -> tuple[str, ...]:
    """The instruction sets that were built and that this processor can run, best first."""
    baseline = _module("baseline")
    if baseline is None:
        return ()
    return tuple(name for name in baseline.supported() if _module(name) is not None)


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(f"bptt.kernels._{name}")
    except ModuleNotFoundError:
        return None


def _chosen() -> tuple[str, ModuleType | None]:
    wanted, names = os.environ.get("BPTT_KERNELS", ""), available()
    if wanted == "numpy" or (not wanted and not names):
        return "numpy", None
    if wanted and wanted not in names:
        raise OptionError(
            "BPTT_KERNELS", "one of " + ", ".join((*names, "numpy")), repr(wanted),
            "Without this variable, the fastest of them are used.",
        )  # fmt: skip
    name = wanted or names[0]
    return name, _module(name)


name, compiled = _chosen()
