"""(g) The prognosis on kinds of work that nothing was chosen on, among them real data.

python -m experiments held_out
"""

from experiments import sets
from experiments.development import one
from experiments.running import in_parallel


def run(quick):
    """The held-out set, and networks that read text."""
    records = sets.held_out() + sets.text()
    if quick:
        records = [record | {"updates": 60} for record in records[60::60]]
    runs = in_parallel(one, [{"record": record} for record in records], "(g) held-out set")
    return {"runs": [{k: v for k, v in run.items() if k != "record"} for run in runs]}
