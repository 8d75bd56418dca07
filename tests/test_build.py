"""What is installed where the compiled loops cannot be built, and what the build says then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A compiler of which only the vector extensions are missing, as they are in MSVC.
NO_VECTORS = """#!/bin/sh
for word; do case $word in *.cxx) grep -q vector_size "$word" && exit 1;; esac; done
exec c++ "$@"
"""


def configured(folder, compiler, *options):
    """What cmake says of these sources with that compiler."""
    if shutil.which("cmake") is None:
        pytest.skip("needs CMake, which pip brings for a build alone: apt-get install cmake")
    done = subprocess.run(
        ["cmake", "-S", ROOT, "-B", folder / "build", f"-DPython_EXECUTABLE={sys.executable}", *options],
        capture_output=True, text=True, env=os.environ | {"CXX": str(compiler)},
    )  # fmt: skip
    return done.returncode, " ".join(done.stderr.split())


def test_without_a_compiler_the_build_warns(tmp_path):
    code, said = configured(tmp_path, "false")
    assert code == 0
    assert "NumPy loops alone, which are slower: no C++ compiler was found that works." in said
    assert configured(tmp_path, "false", "-DBPTT_REQUIRE_KERNELS=ON")[0] != 0


def test_a_compiler_without_vector_extensions_is_one_without_loops(tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text(NO_VECTORS)
    compiler.chmod(0o755)
    code, said = configured(tmp_path, compiler)
    assert code == 0, said
    assert "NumPy loops alone" in said
    assert "has no vector extensions" in said


def test_numpy_loops_alone_say_so(tmp_path):
    shutil.copytree(
        ROOT / "src" / "bptt", tmp_path / "bptt", ignore=shutil.ignore_patterns("*.so", "*.pyd")
    )
    # An editable installation finds its own sources first, whatever the path says.
    code = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'Redirecting' not in type(f).__name__]\n"
        "import bptt; from bptt import kernels; print(kernels.path(), bptt.RNN.init(3, 4, rng=0).forward([[[1, 2, 3]]]).h.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.stdout == "NumPy loops; the compiled ones are not installed (2, 1, 4)\n", (
        done.stderr
    )
