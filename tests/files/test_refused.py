"""What stands at a file's path and is no such file: pipes, folders, links, other texts, archives that unpack without end."""

import os
import shutil
import signal
import zipfile

import numpy as np
import pytest

from bptt.data import Reading, Text
from bptt.data.own import read as read_sequences
from bptt.errors import BpttError, FileError
from bptt.models.saved import read as read_model
from tests.files.test_mutants import KINDS, SECONDS, bounded


def refused(read, path):
    """The error, which comes in time."""

    def too_long(*given):
        raise TimeoutError(f"{path.name} was waited for")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(5 * SECONDS))
    try:
        with pytest.raises(BpttError) as caught:
            read(path)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def text(folder):
    (folder / "a.txt").write_text("the cat sat on the mat. " * 100)
    return folder / "a.txt", lambda path: Text.load(str(path))


@pytest.mark.parametrize("kind", [*KINDS, text], ids=lambda kind: kind.__name__)
@pytest.mark.filterwarnings("default")
def test_what_is_no_file_is_refused_and_a_link_is_followed(kind, tmp_path):
    path, read = kind(tmp_path)
    kept = path.rename(tmp_path / "kept")
    path.symlink_to(kept)
    assert not bounded(read, path)
    path.unlink()
    path.symlink_to(path)
    refused(read, path)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    refused(read, path)
    path.unlink()
    path.mkdir()
    refused(read, path)
    path.rmdir()
    os.mkfifo(path)
    refused(read, path)
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(read, path)
    path.unlink()
    for content in (b"\0", b"\xff\xfe" + 200 * b"\xff", "\u00e4\n".encode("latin-1") * 50):
        path.write_bytes(content)
        refused(read, path)


def packed(path, name, head=b"", size=2**28):
    """256 MB of zeros, in 260 kB."""
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as part,
    ):
        part.write(head)
        for _ in range(size >> 24):
            part.write(bytes(2**24))


@pytest.mark.parametrize("ending", [".keras", ".npz", ".xlsx"])
@pytest.mark.filterwarnings("default")
def test_an_archive_that_unpacks_without_end(ending, tmp_path):
    path = tmp_path / f"a{ending}"
    if ending == ".keras":
        pytest.importorskip("h5py", reason="pip install h5py")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
        packed(path, "model.weights.h5")
    elif ending == ".npz":
        np.savez_compressed(path, y=np.zeros(4, int))
        packed(path, "x.npy", b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (16384, 16384), }".ljust(117) + b"\n")  # fmt: skip
    else:
        pandas = pytest.importorskip("pandas", reason="pip install pandas")
        pytest.importorskip("openpyxl", reason="pip install openpyxl")
        pandas.DataFrame({"a": [1.0]}).to_excel(tmp_path / "real.xlsx")
        shutil.copy(tmp_path / "real.xlsx", path)
        packed(path, "xl/media/picture.png")
    assert path.stat().st_size < 2_000_000
    read = read_model if ending == ".keras" else lambda path: read_sequences(str(path), Reading())
    assert bounded(read, path)
    with pytest.raises(FileError):
        read(path)
