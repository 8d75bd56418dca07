"""The command as a user runs it, in an empty folder of its own, but in this process: no import is paid for twice."""

import contextlib
import io
import os
import sys
from types import SimpleNamespace
from unittest import mock

from bptt.cli import main


def bptt(*arguments, cwd, code=0):
    """Run it; its exit code must be ``code``, or one of several, and no traceback may be printed.

    Returns:
        stdout, stderr and the code, as ``subprocess.run`` has them.
    """
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        mock.patch.object(sys, "argv", ["bptt", *arguments]),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    assert status in (code if isinstance(code, tuple) else (code,)), err
    assert "Traceback" not in err
    return SimpleNamespace(stdout=out, stderr=err, returncode=status)
