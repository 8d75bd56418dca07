"""The pictures of the README and the docs: python docs/figures.py (make docs)."""

from pathlib import Path

import vl_convert

import bptt
from bptt.data import Text
from bptt.data.text import chunk, streams
from bptt.diagnosis import diagnose_network
from bptt.report import charts
from bptt.training import train

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """The gradient by lag of the network that ``bptt diagnose`` trains, on the same text."""
    text = Text.load()
    size = len(text.characters)
    network = bptt.Network.init(size, 128, size, rng=0)
    codes, targets, _ = chunk(streams(text.held_out, 16), 128, 0)
    batch = (text.one_hot(codes), targets)
    stages = [
        (name, diagnose_network(net, batch).layers["rnn.0"])
        for name, net in [
            ("before training", network),
            ("after training", train(network, text).network),
        ]
    ]
    spec = charts.by_lag(stages).to_dict()
    spec["background"] = "white"
    (IMAGES / "by_lag.svg").write_text(vl_convert.vegalite_to_svg(spec))


if __name__ == "__main__":
    main()
