"""python -m fuzz [--minutes M] [--seed S] [--networks N] [--store]: random networks against the oracle.

Each network that is wrong is printed with its number; ``python -m fuzz --seed S --only N`` runs it alone. With --store
the run is kept in fuzz/results.json and its figures are written into docs/reliability.md. Two side by side:

    python -m fuzz --networks 50000 --keep a.json & python -m fuzz --first 50000 --networks 50000 --keep b.json
    python -m fuzz.tables a.json b.json

A run that is kept goes on where it was.
"""

import argparse
import math
import sys
import time
import warnings
from pathlib import Path

from fuzz.running import Run, keep, kept, one
from fuzz.tables import store

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, help="how long; 1 unless told, or as many networks"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other networks")
    parser.add_argument("--networks", type=int, help="stop after so many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="write the run down, and go on with it"
    )
    parser.add_argument("--only", type=int, metavar="N", help="network N alone")
    parser.add_argument("--store", action="store_true", help="keep the figures")
    given = parser.parse_args()
    warnings.simplefilter("error")  # a warning of NumPy's is a number that nobody meant
    if given.only is not None:
        words, found = one(given.seed, given.only)
        print(words, *(found.wrong or ["nothing is wrong"]), sep="\n")
        sys.exit(bool(found.wrong))
    minutes = given.minutes or (math.inf if given.networks else 1.0)
    run, end = Run(given.seed, given.first), time.perf_counter() + 60 * minutes
    if given.keep and given.keep.exists():
        run = kept(given.keep)
    while time.perf_counter() < end and run.tried != given.networks:
        for line in run.next():
            print(line, flush=True)
        if given.keep and run.tried % 200 == 0:
            keep(run, given.keep)
    print(run)
    if given.keep:
        keep(run, given.keep)
    if given.store:
        store(run)
    sys.exit(bool(run.wrong))
