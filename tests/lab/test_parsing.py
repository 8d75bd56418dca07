"""Two pages that open at once read the notebook at once."""

import ast
import inspect
import subprocess
import sys

import pytest

pytest.importorskip("marimo")

# Threads that change often, in the middle of reading too, where the garbage collector runs a line of Python: without a turn,
# CPython 3.11 fails at once.
AT_ONCE = """
import ast, gc, inspect, sys, threading, time
from bptt.lab.parsing import one_at_a_time
one_at_a_time()
one_at_a_time()
sys.setswitchinterval(1e-6)
gc.set_threshold(20)
gc.callbacks.append(lambda phase, info: sum(range(100)))
program, failed, until = inspect.getsource(ast), [], time.monotonic() + 1
def read():
    while time.monotonic() < until and not failed:
        try:
            ast.parse(program)
        except SystemError as error:
            failed.append(error)
threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failed, failed[0]
"""


def test_threads_read_programs_one_after_the_other():
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True)
    assert not done.stderr
    assert not hasattr(ast.parse, "__wrapped__")  # of the server's process alone
    assert inspect.signature(ast.parse)
