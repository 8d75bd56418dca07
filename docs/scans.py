"""The table of docs/recurrences.md: python -m docs.scans --write."""

from importlib.metadata import version
from pathlib import Path

from docs.marked import printed_or_written
from tests.torch_models.published_scans import T, compared

PAGE = Path(__file__).parent / "recurrences.md"
HF = "transformers"
# Package, the state, and what a step keeps of it.
ABOUT = {
    "Mamba": (HF, "h, D × N", "exp(Δ A), by unit and state", "Δ's bias"),
    "Mamba-2": (HF, "H, head × P × N", "exp(Δ A), by head", "Δ's bias"),
    "Falcon-Mamba": (HF, "h, D × N", "exp(Δ A), by unit and state", "Δ's bias"),
    "Falcon-H1": (HF, "H, head × P × N", "exp(Δ A), by head", "Δ's bias"),
    "Qwen3-Next": (HF, "S of the gated delta rule", "exp(-A softplus(Δ)), by head", "Δ's bias"),
    "RecurrentGemma": (HF, "h of the RG-LRU", "exp(-8 r softplus(Λ))", "Λ"),
    "RWKV": (HF, "numerator and denominator", "exp(-exp(w)), by channel", "w"),
    "xLSTM": (HF, "[C, n] of the mLSTM", "the forget gate, by head", "the forget gate's bias"),
    "minGRU": ("minGRU-pytorch", "h", "1 - z", "the gate's bias"),
    "minLSTM": ("minGRU-pytorch", "h", "f / (f + i)", "the gates' bias"),
    "LRU": ("LRU-pytorch", "h, complex", "λ, the same at every step", "r_min of the ring"),
}


def row(name: str) -> str:
    """One line, with what was measured."""
    package, state, keeps, advice = ABOUT[name]
    off, measured = compared(name)
    blocks = list(measured.values())
    with_lags = len(blocks[-1].profile.parameters)
    beside = len(set(blocks[-1].beside) - set(blocks[-1].profile.parameters))
    lags = {len(one.profile.lags) for one in blocks}
    assert lags == {T}
    far = "below 1e-12" if off < 1e-12 else f"{off:.0e}"
    return (
        f"| {name} | {package} {version(package)} | {state} | {keeps} | {len(blocks)} | {with_lags} | {beside} | {advice} "
        f"| {far} |"
    )


def table() -> str:
    """All of it."""
    head = (
        "| model | package | state | a step keeps | blocks | parameters with lags | without | advice sets "
        f"| {T} lags off autograd's |"
    )
    return "\n".join([head, "|---" * 9 + "|", *map(row, ABOUT)])


if __name__ == "__main__":
    printed_or_written(PAGE, "scans", table())
