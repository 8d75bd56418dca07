"""Trouble every command that writes files, and see what is left.

python -m campaign --kills 1000     # in all; stores the counts and writes the table of docs/reliability.md
python -m campaign --kills 20 --only train --seed 3 --no-store
"""

import argparse
import random
from dataclasses import asdict
from typing import Any

from rich.progress import track

from campaign import disks, trials
from campaign.cases import CASES, Case
from campaign.processes import folder_for
from campaign.table import store


def campaign(case: Case, kills: int, seed: int) -> dict[str, Any]:
    """All trials of a command; its moments follow from the seed and its name alone."""
    draw = random.Random(f"{seed}, {case.name}")
    with folder_for(case) as folder:
        expected = trials.straight(case, folder)
        tried = {"kills": trials.kill(case, kills, expected, draw)}
        if disks.allowed():
            tried["full"] = trials.full(case, max(1, kills // 20), expected, draw)
            tried["read_only"] = trials.read_only(case)
        tried["two"] = trials.two_writers(case, expected)
    return {name: asdict(each) for name, each in tried.items()}


def main() -> None:
    """What the module's docstring says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kills", type=int, default=1000, help="in all, shared by the commands (default 1000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default="", help="commands whose names begin so")
    parser.add_argument("--no-store", action="store_true", help="write nothing")
    options = parser.parse_args()
    chosen = [case for case in CASES if case.name.startswith(options.only)]
    for case in track(chosen, description="Killing"):
        found = campaign(case, -(-options.kills // len(chosen)), options.seed)
        print(case.name, found)
        if not options.no_store:
            store(case.name, options.seed, found)


if __name__ == "__main__":
    main()
