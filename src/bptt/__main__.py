"""``bptt`` and ``python -m bptt``."""

import sys

from bptt.errors import OptionError
from bptt.extras import needing


def main() -> None:
    """Run the command line; where the packages that it needs are missing, say so in one line."""
    try:
        with needing("cli", "bptt"):
            from bptt.cli import main as run
    except OptionError as error:
        if sys.argv[1:] == ["doctor"]:  # it says what is missing, and the cure
            from bptt.installation import doctor

            found = doctor()
            print(found)
            sys.exit(not found.healthy)
        print(error, file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
