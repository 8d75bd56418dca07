"""python -m experiments [NAME ...] [--quick]: run experiments, keep their results, write docs/experiments.md.

A quick run shows that everything works, in minutes; its results are printed and not kept.
"""

import argparse
import time
from importlib import import_module

from experiments import tables
from experiments.running import store

NAMES = (
    "reach",
    "development",
    "held_out",
    "unseen",
    "rivals",
    "remedy",
    "pascanu",
    "truncation",
    "horizon",
    "crossings",
    "gates",
    "curse",
    "spectrum",
    "adaptive",
    "windows",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES) + "; all of them")
    parser.add_argument("--quick", action="store_true", help="a few small ones, not kept")
    given = parser.parse_args()
    unknown = set(given.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    for name in given.names or NAMES:
        began = time.perf_counter()
        result = import_module(f"experiments.{name}").run(given.quick)
        result["minutes"] = round((time.perf_counter() - began) / 60, 1)
        for table in tables.OF[name]:
            print(tables.TABLES[table](result), "\n", flush=True)
        if not given.quick:
            store(name, result)
    if not given.quick:
        tables.write()
