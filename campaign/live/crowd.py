"""So many readers at once at a server of their own, and what the server takes meanwhile, afterwards, and in the end."""

import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import psutil

from campaign.live.reader import Seen, Visit, reads

LOOKS = 0.25  # seconds between two looks at the server
COMMAND = [sys.executable, "-m", "bptt", "lab", "--headless", "--port", "0"]


@dataclass(frozen=True)
class Takes:
    """What the server's process has at a moment, or at most.

    Attributes:
        mb: of memory, in megabytes (2^20).
        threads: of it.
        files: files and sockets that are open.
        children: processes that it has started.
    """

    mb: int
    threads: int
    files: int
    children: int

    @classmethod
    def of(cls, server: psutil.Process) -> "Takes":
        """At this moment."""
        with server.oneshot():
            mb = server.memory_info().rss >> 20
            return cls(mb, server.num_threads(), server.num_fds(), len(server.children()))

    def most(self, other: "Takes") -> "Takes":
        """The larger of each."""
        return Takes(*map(max, vars(self).values(), vars(other).values()))


@dataclass(frozen=True)
class Round:
    """What came of a crowd.

    Attributes:
        seen: by its readers.
        before: what the server had.
        most: what it had at most.
        after: what it had when all had been gone for a while.
        alive: seconds until the page stood for the next reader, and until a slider was answered.
    """

    seen: Seen
    before: Takes
    most: Takes
    after: Takes
    alive: tuple[float, float]


@contextmanager
def server() -> Iterator[tuple[int, psutil.Process]]:
    """``bptt lab`` in a process of its own, as a user starts it: its port, and the process.

    Raises:
        RuntimeError: if it does not end in silence, as Ctrl-C ends it.
    """
    with tempfile.TemporaryFile("w+") as errors:  # a pipe would be full some day, and hold it up
        process = subprocess.Popen(
            COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://[^:]+:(\d+)/", said)
            if found is None:
                process.wait(timeout=30)
                raise RuntimeError(f"it did not begin: {said}{_all_of(errors)}")
            yield int(found[1]), psutil.Process(process.pid)
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=30)
            if code or _all_of(errors):
                raise RuntimeError(f"it ended with {code}: {_all_of(errors)[-2000:]}")
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def crowd(
    port: int, process: psutil.Process, clients: int, seconds: float, rest: float, seed: int
) -> Round:
    """Let so many readers at a server, all at once.

    Args:
        port: of the server.
        process: its own.
        clients: readers at a time.
        seconds: for which they come, read and go.
        rest: seconds after all have gone until the server is looked at again.
        seed: of what they do.
    """
    seen, over = Seen(), threading.Event()
    before = most = Takes.of(process)
    until = time.monotonic() + seconds

    def pause(for_so_long: float) -> bool:
        return not over.wait(min(for_so_long, max(0.0, until - time.monotonic()))) and (
            time.monotonic() < until
        )

    with ThreadPoolExecutor(clients) as pool:
        each = [
            pool.submit(reads, port, until, random.Random(f"{seed}, {number}"), seen, pause)
            for number in range(clients)
        ]
        while not all(reader.done() for reader in each):
            most = most.most(Takes.of(process))
            time.sleep(LOOKS)
        for reader in each:
            reader.result()  # an error of the campaign's own
    time.sleep(rest)
    after = Takes.of(process)
    last = Seen()
    visit = Visit(port, last, random.Random(seed))
    visit.move()
    visit.close()
    return Round(seen, before, most, after, (last.opened[0], last.moved[0]))
