"""How many processors this process may use: those it is bound to, and no more than its control groups grant.

A container with 2 of 64 processors sees all 64; what it may use is a quota of processor time per period, of every control group
on the way from the process's own up to the root (Linux, "Control Group v2", cpu.max; "CFS Bandwidth Control", cpu.cfs_quota_us).
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path


def usable(root: Path = Path("/")) -> int:
    """Processors that are worth a thread each; at least 1.

    Args:
        root: where /proc and what it names are found.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.ceil(min(bound or 1, granted(root))))


def granted(root: Path = Path("/")) -> float:
    """Processors' worth of time that the control groups grant, infinite where there is no limit.

    Args:
        root: where /proc and what it names are found.
    """
    return min((_quota(group) for group in _groups(root)), default=math.inf)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's control groups, and of all above them."""
    try:
        own = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:  # another system than Linux, or a /proc that is hidden
        return
    paths = {}  # by the kind of hierarchy: "cgroup2", or "cgroup" for that of the processors
    for line in own:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            paths["cgroup2"] = path
        elif "cpu" in controllers.split(","):
            paths["cgroup"] = path
    for line in mounts:
        of_mount, _, of_system = line.partition(" - ")
        kind, _, options = of_system.split(" ", 2)
        if kind not in paths or (kind == "cgroup" and "cpu" not in re.split("[ ,]", options)):
            continue
        top, mounted = (_unescaped(field) for field in of_mount.split(" ")[3:5])
        inside = os.path.relpath(paths[kind], top)
        folder = base = root / mounted.lstrip("/")
        if not inside.startswith(".."):  # else a container that sees its own group as the top
            folder = base / inside
        yield from (base, *(f for f in (folder, *folder.parents) if base in f.parents))


def _quota(group: Path) -> float:
    """Processors that one control group grants: time over period."""
    for files in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((group / name).read_text() for name in files).split()
            if int(quota) > 0 and int(period) > 0:
                return int(quota) / int(period)
        except (OSError, ValueError):  # no such file; "max", which is no limit
            continue
    return math.inf


def _unescaped(path: str) -> str:
    r"""A path of mountinfo, where a space is \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
