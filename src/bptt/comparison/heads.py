"""The heads of a comparison's table: on the terminal, on the page, in JSON."""

HEADS = ("group", "runs", "horizon", "signal at the needed lag", "rate", "verdicts")  # fmt: skip
