"""A command as a process that can be killed, and all processes that it started, found by a word in their environment."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple
from uuid import uuid4

import psutil

from campaign.cases import Case, Lost

MARK = (
    "BPTT_CAMPAIGN"  # in the environment: processes that leave the session of their parent keep it
)
LONGEST = 600.0  # seconds that a command may take


class Ended(NamedTuple):
    """What a command that was left alone came to: its exit code, what it printed as errors, and its seconds."""

    code: int
    error: str
    seconds: float


@dataclass(frozen=True)
class Running:
    """A command that runs.

    Attributes:
        process: its own; others may belong to it.
        mark: the word in the environment of them all.
        error: the file of what it prints as errors. A pipe would be held open by whatever lives on.
    """

    process: subprocess.Popen[bytes]
    mark: str
    error: IO[bytes]

    def said(self) -> str:
        """What it printed as errors."""
        self.error.seek(0)
        return self.error.read().decode(errors="replace")


@contextmanager
def folder_for(case: Case) -> Iterator[Path]:
    """A folder of its own, with what the command needs; it and all that is in it goes in the end."""
    # what a cluster was killed in the middle of writing may come and go meanwhile
    with tempfile.TemporaryDirectory(prefix="c-", ignore_cleanup_errors=True) as folder:
        if case.begin is not None:
            case.begin(Path(folder))
        yield Path(folder)


@contextmanager
def started(case: Case, file: Path) -> Iterator[Running]:
    """The command, begun; whatever of it still lives in the end is killed."""
    mark = uuid4().hex
    with tempfile.TemporaryFile() as error, tempfile.TemporaryDirectory(
        prefix="r-", ignore_cleanup_errors=True
    ) as logs:  # fmt: skip
        process = subprocess.Popen(
            case.command(file, file.exists()), cwd=file.parent, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=error,
            env=os.environ | {MARK: mark, "RAY_TMPDIR": logs},
        )  # fmt: skip
        try:
            yield Running(process, mark, error)
        finally:
            for one in living(mark):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()


def to_its_end(case: Case, file: Path) -> Ended:
    """Run the command, and leave it alone."""
    began = time.monotonic()
    with started(case, file) as running:
        code = running.process.wait(LONGEST)
        return Ended(code, running.said(), time.monotonic() - began)


def killed(case: Case, file: Path, after: float) -> float | None:
    """Kill the command after so many seconds.

    Returns:
        seconds from the kill until the last of its processes had ended; None where the command had ended by itself.

    Raises:
        Lost: if processes live on for longer than ``case.patience``, or it ended by itself with an error.
    """
    with started(case, file) as running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(after)
        began = time.monotonic()
        running.process.send_signal(signal.SIGKILL)  # does nothing to what has ended
        code = running.process.wait()
        if code != -signal.SIGKILL:
            if code:
                raise Lost(f"it ended by itself with {code}: {running.said()[-300:]}")
            return None
        while alive := living(running.mark):
            if time.monotonic() - began > case.patience:
                names = ", ".join(map(_name, alive))
                raise Lost(
                    f"{len(alive)} processes live on longer than {case.patience:g} s: {names}"
                )
            time.sleep(0.02)
        return time.monotonic() - began


def living(mark: str) -> list[psutil.Process]:
    """The processes that have the word in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _name(process: psutil.Process) -> str:
    """With the time that it had on a processor: a little tells of an interpreter that still starts."""
    with contextlib.suppress(psutil.Error, OSError):
        return f"{process.name()} after {process.cpu_times().user:.1f} s on a processor"
    return "one that has just ended"
