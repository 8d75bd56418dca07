"""The look ahead of every stored network anew, beside the outcome that is stored: for when what it measures has changed.

python -m experiments.again development held_out unseen
"""

import sys

from experiments.ahead import ahead
from experiments.outcomes import KEYS
from experiments.running import in_parallel, store, stored

HOW = (*KEYS, "batch", "rate")  # of what a network is trained on


def one(record):
    """A network as it is stored, with a new look ahead."""
    return record | ahead({name: record[name] for name in HOW if name in record})


def again(name):
    """All networks of a stored set."""
    result = stored(name)
    settings = [{"record": record} for record in result["runs"]]
    runs = in_parallel(one, settings, name)
    return result | {"runs": [{k: v for k, v in run.items() if k != "record"} for run in runs]}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(store(name, again(name)))
