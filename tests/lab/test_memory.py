"""What pages leave behind does not add up."""

import gc
import subprocess
import sys

import pytest

pytest.importorskip("marimo")

from bptt.lab.memory import formatters_once, swept_often

HEAPS = """
import ctypes, threading
from bptt.lab.memory import one_heap
one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
here = threading.Barrier(5)
def allocate():
    libc.malloc(10_000)
    here.wait()
    here.wait()
for _ in range(4):
    threading.Thread(target=allocate).start()
here.wait()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
here.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="heaps of threads are glibc's")
def test_threads_of_a_server_have_one_heap():
    done = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True)
    if "malloc_info" in done.stderr:
        pytest.skip("the C library is not glibc")
    assert done.stdout.count("<heap nr=") == 1, done.stderr


def test_pages_do_not_wrap_display_again_and_again(monkeypatch):
    from marimo._session.managers import kernel

    display = pytest.importorskip("IPython.display")
    monkeypatch.setattr(kernel, "register_formatters", kernel.register_formatters)
    formatters_once()
    kernel.register_formatters()
    before = display.display
    formatters_once()
    kernel.register_formatters()
    assert display.display is before


def test_what_a_server_begins_with_is_not_looked_through_for_garbage():
    assert gc.get_freeze_count() == 0
    with swept_often():
        assert gc.get_freeze_count() > len(gc.get_objects())
    assert gc.get_freeze_count() == 0
