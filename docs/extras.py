"""The table "what each extra brings" of docs/install.md.

``python -m docs.extras --measure WHEEL`` installs every extra of that wheel into an empty environment and keeps what it took in
``extras.json``; ``python -m docs.extras --write`` writes the table from it into the page.
"""

import json
import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from docs.marked import printed_or_written

from bptt.installation import PARTS

ROOT = Path(__file__).parent.parent
PAGE, STORE = ROOT / "docs" / "install.md", ROOT / "docs" / "extras.json"
# Run in the environment: the packages but pip itself, and the size of their files.
COUNT = """
import json, os
from importlib.metadata import distributions
found = [d for d in distributions() if d.metadata["Name"] not in ("pip", "setuptools", "bptt")]
files = {str(f.locate()) for d in found for f in d.files or ()}
print(json.dumps([len(found), sum(os.path.getsize(f) for f in files if os.path.isfile(f))]))
"""


def measured(wheel: Path, extra: str) -> dict[str, Any]:
    """Packages, bytes and processor seconds of one extra with the library's own; of those alone where no extra is named.

    The seconds are processor time of pip's processes: they depend neither on the network nor on what else the machine does.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        what = f"{wheel.resolve()}[{extra}]" if extra else str(wheel.resolve())
        install = [python, "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), what]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(install, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = subprocess.run([python, "-c", COUNT], check=True, capture_output=True, text=True)
        packages, size = json.loads(found.stdout)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"packages": packages, "MB": round(size / 1e6), "seconds": round(seconds, 1)}


def table(store: dict[str, dict[str, Any]]) -> str:
    """One row for the library, one for each extra."""
    lines = ["| extra | for | packages | MB | seconds |", "|---|---|---|---|---|"]
    for extra, purpose in [("", "the library"), *((p.extra, p.purpose) for p in PARTS)]:
        one, name = store[extra], f"`bptt[{extra}]`" if extra else "`bptt`"
        lines.append(
            f"| {name} | {purpose} | {one['packages']} | {one['MB']:,} | {one['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, if a wheel is named; print the table, or write it into the page."""
    store = json.loads(STORE.read_text()) if STORE.exists() else {}
    if "--measure" in sys.argv:
        wheel = Path(sys.argv[sys.argv.index("--measure") + 1])
        for extra in ("", *(part.extra for part in PARTS)):
            store[extra] = measured(wheel, extra)
            print(extra or "bptt", store[extra], flush=True)
            STORE.write_text(json.dumps(store, indent=1) + "\n")
    printed_or_written(PAGE, "extras", table(store))


if __name__ == "__main__":
    main()
