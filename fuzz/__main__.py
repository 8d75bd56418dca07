"""python -m fuzz [--minutes M] [--seed S] [--networks N] [--store]: random networks against the oracle.

Each network that is wrong is printed with its number; ``python -m fuzz --seed S --only N`` runs it alone. With --store
the run is kept in fuzz/results.json and its figures are written into docs/reliability.md.
"""

import argparse
import sys
import time
import warnings

from fuzz.running import Run, one
from fuzz.tables import store

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long; 1 unless told")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other networks")
    parser.add_argument("--networks", type=int, help="stop after so many")
    parser.add_argument("--only", type=int, metavar="N", help="network N alone")
    parser.add_argument("--store", action="store_true", help="keep the figures")
    given = parser.parse_args()
    warnings.simplefilter("error")  # a warning of NumPy's is a number that nobody meant
    if given.only is not None:
        words, found = one(given.seed, given.only)
        print(words, *(found.wrong or ["nothing is wrong"]), sep="\n")
        sys.exit(bool(found.wrong))
    run, end = Run(given.seed), time.perf_counter() + 60 * given.minutes
    while time.perf_counter() < end and run.tried != given.networks:
        for line in run.next():
            print(line, flush=True)
        if given.store and run.tried % 1000 == 0:
            store(run)
    print(run)
    if given.store:
        store(run)
    sys.exit(bool(run.wrong))
