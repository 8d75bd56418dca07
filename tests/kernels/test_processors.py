"""The processors that a process may use: its control groups, as files of a tree of ours; and this machine's own."""

import math
import os

import pytest

from bptt.kernels import processors

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
V2 = "30 24 0:26 {top} {at} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "33 31 0:30 {top} {at} rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
OTHER = "22 1 8:1 / / rw - ext4 /dev/root rw\n36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"


def machine(root, cgroup, mounts, **files):
    """A root with what the process's /proc says, and the files of its control groups."""
    written = {"proc/self/cgroup": cgroup, "proc/self/mountinfo": OTHER + mounts, **files}
    for name, text in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_container_of_version_two(tmp_path):
    """It sees its own group as the top: 2 of 64 processors."""
    root = machine(tmp_path, "0::/\n", V2.format(top="/", at="/sys/fs/cgroup"),
                   **{"sys/fs/cgroup/cpu.max": "200000 100000\n"})  # fmt: skip
    assert processors.granted(root) == 2


def test_the_tightest_of_the_groups_above_counts(tmp_path):
    root = machine(
        tmp_path, "0::/user.slice/job/step\n", V2.format(top="/", at="/sys/fs/cg\\040roup"),
        **{"sys/fs/cg roup/user.slice/job/step/cpu.max": "max 100000\n",
           "sys/fs/cg roup/user.slice/job/cpu.max": "150000 100000\n",
           "sys/fs/cg roup/user.slice/cpu.max": "3200000 100000\n"},
    )  # fmt: skip
    assert processors.granted(root) == 1.5
    assert processors.usable(root) == min(2, HERE)


@pytest.mark.parametrize(("path", "top"), [("/docker/ab12", "/docker/ab12"), ("/job", "/"), ("/host", "/elsewhere")])  # fmt: skip
def test_version_one(path, top, tmp_path):
    """In a container the mount begins at its own group; the process names it from the host's root."""
    inside = "job/" if top == "/" else ""
    root = machine(
        tmp_path, f"4:cpu,cpuacct:{path}\n1:name=systemd:/\n0::/\n",
        V1.format(top=top, at="/sys/fs/cgroup/cpu,cpuacct") + V2.format(top="/", at="/sys/fs/cgroup/unified"),
        **{f"sys/fs/cgroup/cpu,cpuacct/{inside}cpu.cfs_quota_us": "50000\n",
           f"sys/fs/cgroup/cpu,cpuacct/{inside}cpu.cfs_period_us": "100000\n"},
    )  # fmt: skip
    assert processors.granted(root) == 0.5
    assert processors.usable(root) == 1


def test_no_limit(tmp_path):
    for quota in ("max 100000\n", "-1", "broken"):
        root = machine(tmp_path, "0::/\n", V2.format(top="/", at="/sys/fs/cgroup"),
                       **{"sys/fs/cgroup/cpu.max": quota})  # fmt: skip
        assert processors.granted(root) == math.inf
        assert processors.usable(root) == HERE
    assert processors.granted(tmp_path / "no proc") == math.inf


def test_this_machine():
    assert 1 <= processors.usable() <= HERE
