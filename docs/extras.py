"""The table "what each extra brings" of docs/install.md: python -m docs.extras WHEEL --write.

Each extra is installed into an environment of its own, from that wheel; takes some minutes, and what pip downloads.
"""

import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from bptt.installation import PARTS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "install.md"
BEGIN, END = "<!-- extras -->\n", "<!-- end -->"


def measured(wheel: str, extra: str) -> tuple[float, float, int]:
    """Seconds of the processor that pip takes, MB on the disk and number of packages; of the library alone where no extra is named."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        (packages,) = Path(folder).glob("lib/python*/site-packages")
        before, start = size(packages), processor_seconds()
        what = f"{wheel}[{extra}]" if extra else wheel
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--constraint", ROOT / "constraints.txt", what],
            check=True,
        )  # fmt: skip
        seconds = processor_seconds() - start
        return seconds, (size(packages) - before) / 1e6, len(list(packages.glob("*.dist-info")))


def processor_seconds() -> float:
    """Of all that was started here: what a busy machine does not stretch."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())


def table(wheel: str) -> str:
    """One row for the library, one for each extra."""
    rows = [
        ("", "the library: NumPy and safetensors"),
        *((part.extra, part.purpose) for part in PARTS),
    ]
    lines = ["| extra | for | packages | MB | seconds |", "|---|---|---|---|---|"]
    for extra, purpose in rows:
        seconds, megabytes, count = measured(wheel, extra)
        name = f"`bptt[{extra}]`" if extra else "`bptt`"
        lines.append(f"| {name} | {purpose} | {count - 2} | {megabytes:,.0f} | {seconds:.0f} |")
        print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it into the page."""
    made = table(sys.argv[1])
    if "--write" in sys.argv:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{made}{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
