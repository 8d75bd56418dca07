"""The examination of an installation: versions, loops, a self-check, and what is missing, in words."""

import os
import platform
from dataclasses import asdict, dataclass
from time import perf_counter

from bptt import kernels
from bptt.installation.parts import PARTS, Part, installed
from bptt.installation.self_check import Check, self_check
from bptt.kernels import instruction_sets, processors
from bptt.version import __version__

VARIABLES = ("BPTT_KERNELS", "BPTT_NUM_THREADS", "OMP_NUM_THREADS")  # that change what runs
BESIDE = ("numpy", "safetensors", "torch")


@dataclass(frozen=True)
class Examination:
    """What ``bptt.doctor`` found; printed, it is what a report of a defect needs.

    Attributes:
        system: bptt, Python and the machine, in words.
        versions: of the packages that the numbers depend on.
        loops: which loops are in use, with how many threads.
        choices: what BPTT_KERNELS may name here, best first.
        processors: how many this process may use.
        variables: of the environment, where they are set.
        checks: the self-check, one network each.
        seconds: how long the self-check took.
        parts: the optional parts.
    """

    system: str
    versions: dict[str, str]
    loops: str
    choices: tuple[str, ...]
    processors: int
    variables: dict[str, str]
    checks: tuple[Check, ...]
    seconds: float
    parts: tuple[Part, ...]

    @property
    def healthy(self) -> bool:
        """Whether the self-check found every number right; a part that is missing is no illness."""
        return all(check.right for check in self.checks)

    def plain(self) -> dict[str, object]:
        """The same as what JSON can hold."""
        parts = [
            {"extra": p.extra, "purpose": p.purpose, "missing": list(p.missing), "cure": p.cure}
            for p in self.parts
        ]
        return asdict(self) | {"parts": parts, "healthy": self.healthy}

    def __str__(self) -> str:
        """In lines, as ``bptt doctor`` prints it."""
        lines = [self.system, ", ".join(f"{name} {of}" for name, of in self.versions.items())]
        lines += [
            f"{self.loops}; {self.processors} processors; BPTT_KERNELS may be {', '.join(self.choices)}"
        ]
        lines += [f"{name}={value}" for name, value in self.variables.items()]
        lines += [
            "",
            f"Self-check: {len(self.checks)} networks in {self.seconds:.1f} s, against textbook loops",
        ]
        lines += [f"  {line}" for line in self._checked()]
        lines += ["", "Optional parts"]
        width = max(len(part.extra) for part in self.parts)
        for part in self.parts:
            missing = ", ".join(part.missing)
            state = f"missing: {missing}. Cure: {part.cure}" if missing else "installed"
            lines.append(f"  {part.extra:{width}}  {part.purpose}: {state}")
        return "\n".join([*lines, "", self.verdict])

    def _checked(self) -> list[str]:
        """The worst of each type where all are right, else whatever is wrong."""
        wrong = [check for check in self.checks if not check.right]
        if wrong:
            return [
                f"{c.name}, {c.dtype}: WRONG by {c.worst:.0e}, where {c.tolerance:.0e} is rounding"
                for c in wrong
            ]
        types = dict.fromkeys(check.dtype for check in self.checks)
        return [
            f"{dtype}: right, with errors up to {max(c.worst for c in self.checks if c.dtype == dtype):.0e}"
            for dtype in types
        ]

    @property
    def verdict(self) -> str:
        """The last line: whether it works, and the cure if it does not."""
        if self.healthy:
            return "The numbers are right."
        cure = "BPTT_KERNELS=numpy selects the NumPy loops instead"
        if self.loops.startswith("NumPy"):
            cure = "Reinstall NumPy"
        return f"The numbers are WRONG: do not use them. {cure}; please report it with all of the above."


def doctor() -> Examination:
    """Examine this installation: versions, loops, threads, a self-check in seconds, and which optional parts are missing.

    The self-check computes the gradient of small networks with the loops that are in use, and compares it with textbook loops and
    with a complex step, for every cell and activation that is compiled, in float64 and float32.

    Returns:
        what was found; ``print`` it, or ask ``healthy``.

    >>> import bptt
    >>> bptt.doctor().healthy
    True
    """
    start = perf_counter()
    checks = tuple(self_check())
    return Examination(
        system=f"bptt {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        versions={name: have for name in BESIDE if (have := installed(name))},
        loops=kernels.path(),
        choices=(*instruction_sets.available(), "numpy"),
        processors=processors.usable(),
        variables={name: os.environ[name] for name in VARIABLES if name in os.environ},
        checks=checks,
        seconds=perf_counter() - start,
        parts=PARTS,
    )
