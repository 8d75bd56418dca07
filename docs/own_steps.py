"""The table of docs/pytorch.md on steps of one's own: python -m docs.own_steps --write."""

from importlib.metadata import version
from pathlib import Path

from docs.marked import printed_or_written
from tests.torch_models.step_cases import CASES, compared

PAGE = Path(__file__).parent / "pytorch.md"
# What stands in the table, and where it comes from.
ROWS = {
    "layer-norm LSTM by hand": "by hand",
    "layer-norm LSTM, a subclass": "a subclass of nn.LSTMCell",
    "attention and input feeding": "a decoder over an nn.LSTM",
    "attention over its own states": "by hand",
    "ConvLSTM": "by hand",
    "minGRU": "by hand, step by step",
    "CfC": "ncps",
    "LTC": "ncps",
    "spiking": "snntorch",
    "spiking, state kept by the module": "snntorch",
    "unequal lengths, masked": "nn.GRUCell, torch.where",
    "norm and dropout between": "nn.GRUCell",
    "dropout within": "by hand",
    "a state that grows": "by hand",
}


def row(name: str) -> str:
    """One line, with what was measured."""
    off, stepped = compared(name)
    origin = ROWS[name]
    package = f"{origin} {version(origin)}" if origin in ("ncps", "snntorch") else origin
    profile = stepped.profile
    split = profile.of if profile.weight_gain is not None else "no"
    kept = "no" if stepped.keep is None else "yes"
    # snnTorch's spikes have gradients in float32.
    far = "below 1e-12" if off < 1e-12 else "below 1e-6" if off < 1e-6 else f"{off:.0e}"
    way = "one lag at a time" if stepped.in_rows else "one call at a time"
    assert (way == "one lag at a time") == (CASES[name][1] == "rows")
    return f"| {name} | {package} | {len(profile.parameters)} | {split} | {kept} | {way} | {len(profile.norm)} | {far} |"


def table() -> str:
    """All of it."""
    head = (
        "| step | from | parameters with lags | map from state to state | gate with a bias | carried back | lags "
        "| off autograd's with a copy per call |"
    )
    return "\n".join([head, "|---" * 8 + "|", *map(row, ROWS)])


if __name__ == "__main__":
    printed_or_written(PAGE, "own steps", table())
