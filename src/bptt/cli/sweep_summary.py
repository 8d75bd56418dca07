"""What ``bptt sweep`` prints at its end."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bptt.sweeps import Sweep


def print_summary(results: "Sweep", saved: dict[str, Path | None]) -> None:
    """How many points, their verdicts, what the sweep shows, and the files.

    Args:
        results: the sweep.
        saved: what else was written, by option.
    """
    over = f" over {', '.join(results.varied)}" if results.varied else ""
    print(f"{len(results)} points{over}")
    for verdict, count in results.verdicts.items():
        print(f"  {verdict:<10} {count:>6}")
    if results.failed:
        first = next(row["error"] for row in results.rows() if row["status"] == "failed")
        print(f"  {'failed':<10} {results.failed:>6}   the first: {first}")
    for sentence in results.findings():
        print(f"  {sentence}")
    paths = [str(path) for path in saved.values() if path is not None]
    print("saved: " + " and ".join([str(results.path), *paths]))


def print_json(results: "Sweep", saved: dict[str, Path | None]) -> None:
    """The same as JSON."""
    from json import dumps

    document = {
        "out": str(results.path),
        **{name: None if path is None else str(path) for name, path in saved.items()},
        "points": len(results),
        "varied": results.varied,
        "verdicts": results.verdicts,
        "failed": results.failed,
        "findings": results.findings(),
    }
    print(dumps(document, indent=1))
