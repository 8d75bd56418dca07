"""What is installed where the compiled loops cannot be built, what the build says then, and what the source distribution holds."""

import os
import shutil
import subprocess
import sys
import tarfile
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


# In a folder that was worked in: an environment, a build, what Python and CMake leave behind.
LEFT_BEHIND = (
    ".venv/lib/python3.11/site-packages/numpy/tests/test_a.py", ".venv-wheels/lib/src/a.py", "build/wheel/src/a.o",
    "docs/__pycache__/a.pyc", "src/bptt/__pycache__/a.pyc", "src/bptt/kernels/_avx2.so", "wheelhouse/bptt.whl", "report.html",
)  # fmt: skip
KEPT = (
    "Makefile",
    "docs/a.md",
    "src/bptt/cells/a.py",
    "tests/files/a.safetensors",
    "tests/test_a.py",
)


@pytest.mark.needs("scikit_build_core")
def test_the_source_distribution_holds_what_is_in_the_repository(tmp_path, monkeypatch):
    own = ("pyproject.toml", ".gitignore", "README.md", "LICENSE", "src/bptt/version.py")
    for name in (*own, *KEPT, *LEFT_BEHIND):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes() if name in own else b"")
    monkeypatch.chdir(tmp_path)
    from scikit_build_core.build import build_sdist

    with tarfile.open(tmp_path / build_sdist(str(tmp_path))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == {"PKG-INFO", *own, *KEPT}
