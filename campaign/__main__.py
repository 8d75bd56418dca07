"""Kill every command at random moments, and see what is left.

python -m campaign --kills 1000     # in all; stores the counts and writes the table of docs/reliability.md
python -m campaign --kills 20 --only train --seed 3 --no-store
"""

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
from rich.progress import track

from bptt.version import __version__
from campaign.cases import CASES, Case, Lost
from campaign.table import RESULTS, write

IN_A_ROW = 5  # kills of a run, at most, before it may go to its end
SOON = (
    5.0  # seconds in which the processes of a killed driver must end, on a machine with other work
)


@dataclass
class Tried:
    """What came of a case.

    Attributes:
        kills: how many.
        at: seconds after the start at which they came.
        ended: runs that went to their end after kills, and were compared.
        slowest: seconds until the last process of a killed driver had ended.
        wrong: what was lost, in sentences.
    """

    kills: int = 0
    at: list[float] = field(default_factory=list)
    ended: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


def start(case: Case, file: Path, **options: object) -> subprocess.Popen[bytes]:
    """The command, in a session of its own."""
    return subprocess.Popen(
        case.command(file, file.exists()), cwd=file.parent, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def straight(case: Case) -> tuple[Path, float]:
    """The file of a run that nobody killed, and its seconds."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    if case.begin is not None:
        case.begin(folder)
    began = time.monotonic()
    process = start(case, folder / case.output)
    error = process.communicate()[1]
    assert process.returncode == 0, error.decode()
    return folder / case.output, time.monotonic() - began


def kill(case: Case, kills: int, draw: random.Random) -> Tried:
    """Kill a command so many times."""
    tried = Tried()
    expected, seconds = straight(case)
    while tried.kills < kills:
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            _one_run(
                case,
                Path(folder),
                min(IN_A_ROW, kills - tried.kills),
                seconds,
                expected,
                draw,
                tried,
            )
    shutil.rmtree(expected.parent)
    return tried


def _one_run(
    case: Case, folder: Path, kills: int, seconds: float, expected: Path, draw: random.Random, tried: Tried
) -> None:  # fmt: skip
    if case.begin is not None:
        case.begin(folder)
    file, before = folder / case.output, None
    try:
        for _ in range(kills):
            after = draw.uniform(0, 1.05 * seconds)
            tried.slowest = max(tried.slowest, killed(case, file, after))
            tried.kills += 1
            tried.at.append(round(after, 2))
            before = case.whole(file, before)
        process = start(case, file)
        error = process.communicate()[1].decode()
        if process.returncode:
            raise Lost(f"the same command again ends with {process.returncode}: {error[-300:]}")
        case.whole(file, before)
        if not case.same(file, expected):
            raise Lost("the end is another than without kills")
        tried.ended += 1
    except Lost as lost:
        tried.wrong.append(f"{case.name}, killed at {tried.at[-5:]} s: {lost}")


def killed(case: Case, file: Path, after: float) -> float:
    """Kill it after so many seconds; the seconds until its last process had ended."""
    process = start(case, file)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
    others = []
    with contextlib.suppress(psutil.NoSuchProcess):
        others = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    alive = psutil.wait_procs(others, timeout=SOON)[1]
    for one in alive:
        one.kill()
    psutil.wait_procs(alive)
    if alive and not case.name.endswith(
        ("dask", "ray")
    ):  # a cluster's processes end by their own rules
        raise Lost(f"{len(alive)} processes lived on for more than {SOON:.0f} s")
    return time.monotonic() - began


def full(case: Case, draw: random.Random, times: int) -> Tried:
    """No file of the command may grow beyond some size: the system says so as it says that a disk is full."""
    tried = Tried()
    for _ in range(times):
        size = draw.randrange(100, 40_000)
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            file = Path(folder) / case.output
            if case.begin is not None:
                case.begin(Path(folder))
            process = start(case, file, preexec_fn=partial(_no_file_beyond, size))
            error = process.communicate()[1].decode()
            tried.kills += 1
            try:
                case.whole(file, None)
                if "Traceback" in error:
                    raise Lost(error[-300:])
            except Lost as lost:
                tried.wrong.append(f"{case.name}, {size} bytes: {lost}")
    return tried


def _no_file_beyond(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def two_writers(case: Case) -> Tried:
    """Two of the same command at the same file: whole at the end, whoever comes last."""
    tried = Tried(kills=1)
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        file = Path(folder) / case.output
        if case.begin is not None:
            case.begin(Path(folder))
        both = [start(case, file) for _ in range(2)]
        errors = [process.communicate()[1].decode() for process in both]
        try:
            case.whole(file, None)
            if any("Traceback" in error for error in errors) or all(p.returncode for p in both):
                raise Lost(" / ".join(error[-200:] for error in errors))
        except Lost as lost:
            tried.wrong.append(f"{case.name}, two writers: {lost}")
    return tried


def main() -> None:
    """What the module's docstring says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=1000, help="in all, shared by the commands (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", help="commands whose names begin so")
    parser.add_argument("--no-store", action="store_true", help="write nothing")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    chosen = [case for case in CASES if case.name.startswith(options.only or "")]
    found: dict[str, dict[str, object]] = {}
    for case in track(chosen, description="Killing"):
        kills = -(-options.kills // len(chosen))
        found[case.name] = {
            "kills": vars(kill(case, kills, draw)),
            # the files of a cluster of its own would be as small: it would not even begin
            "full": vars(full(case, draw, 0 if case.clustered else max(1, kills // 20))),
            "two": vars(two_writers(case)),
        }
        print(case.name, {name: {**each, "at": None} for name, each in found[case.name].items()})
        if not options.no_store:
            stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"cases": {}}
            stored["cases"] |= found
            stored |= {
                "version": __version__, "seed": options.seed, "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            }  # fmt: skip
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
            write()


if __name__ == "__main__":
    main()
