"""(g) The prognosis on work that was first trained when the fit was fixed.

python -m experiments unseen
"""

from experiments import sets
from experiments.development import one
from experiments.running import in_parallel


def run(quick):
    """Names, appliances, a reactor, and symbols in order."""
    records = sets.unseen()
    if quick:
        records = [record | {"updates": 60} for record in records[40::40]]
    runs = in_parallel(one, [{"record": record} for record in records], "(g) unseen set")
    return {"runs": [{k: v for k, v in run.items() if k != "record"} for run in runs]}
