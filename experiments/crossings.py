"""(f) At which gain λ₁ is zero, by the number of units, against mean-field theory.

python -m experiments crossings
"""

import bptt
from bptt.configuration import Configuration
from bptt.dynamics import critical_gain

HIDDEN, SEEDS = (64, 128, 256, 512), 8
# Without inputs λ₁ stays close to 0 over a wide range of gains.
GAINS = {0.0: "0.8:2:13", 0.1: "1.2:1.8:7", 1.0: "1.6:2.2:7"}


def run(quick):
    """Every input variance and width; each seed has its own crossing."""
    hidden, seeds = (HIDDEN, SEEDS) if not quick else ((32, 64), 2)
    runs = []
    for variance, gains in GAINS.items():
        for H in hidden:
            swept = bptt.sweep(
                {"gain": gains, "seed": f"0:{seeds - 1}"},
                base=Configuration(init="gaussian", input_variance=variance, hidden=H),
                progress=True,
            )
            for crossing in swept.crossings(by=("input_variance", "hidden")):
                runs.append(
                    crossing.of
                    | {
                        "gain": crossing.at,
                        "stderr": crossing.stderr,
                        "seeds": crossing.count,
                        "theory": critical_gain(variance),
                    }
                )
    return {"seeds": seeds, "runs": runs}
