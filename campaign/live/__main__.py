"""Send fifty readers to the live page at once for a minute, three times, and see whether it bears them.

python -m campaign.live                 # eight minutes; stores the figures and writes the table of docs/reliability.md
python -m campaign.live --clients 4 --seconds 10 --rest 1 --crowds 1 --no-store
"""

import argparse

from campaign.live.crowd import crowd, server
from campaign.live.table import store


def main() -> None:
    """What the module's docstring says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=50, help="at a time (default 50)")
    parser.add_argument("--seconds", type=float, default=60, help="of each crowd (default 60)")
    parser.add_argument(
        "--rest", type=float, default=60, help="seconds after each, until the server is looked at (default 60)"
    )  # fmt: skip
    parser.add_argument("--crowds", type=int, default=3, help="one after the other (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of what the readers do")
    parser.add_argument("--no-store", action="store_true", help="write nothing")
    options = parser.parse_args()
    rounds = []
    with server() as (port, process):
        for number in range(options.crowds):
            rounds.append(
                crowd(port, process, options.clients, options.seconds, options.rest, options.seed + number)
            )  # fmt: skip
            print(rounds[-1], flush=True)
    if not options.no_store:
        store(
            rounds, clients=options.clients, seconds=options.seconds, rest=options.rest, seed=options.seed
        )  # fmt: skip


if __name__ == "__main__":
    main()
