"""Changes to the training that leave the network as it is."""

from dataclasses import replace

import numpy as np

from bptt.errors import OptionError
from bptt.presentation.formatting import percent
from bptt.remedies.change import Change, plain_layers
from bptt.remedies.subject import Subject

BIAS = 0.05  # of the gradient, that truncating may cost
BATCHES = 30  # whose norms are looked at
OMEGA = 2.0  # Pascanu's α


def clip(subject: Subject, rng: np.random.Generator) -> Change:
    """Clip at the median norm of the gradient over some batches.

    Pascanu 2013, section 3.2: half to ten times the average norm is a good threshold. The median is not moved by
    the few enormous norms that clipping is for.
    """
    still = replace(subject.settings, updates=BATCHES, lr=1e-30, clip=None)
    norms = np.array(subject.train(still).norms)
    norms = norms[np.isfinite(norms)]
    if not len(norms) or not np.median(norms) > 0:
        raise OptionError(
            "clip", "a median norm that is finite and above 0",
            f"{np.median(norms):g}" if len(norms) else "no finite norm",
            "There is nothing to clip: try another remedy first.",
        )  # fmt: skip
    if np.ptp(norms) <= 1e-9 * norms.max():
        raise OptionError(
            "clip", "batches whose norms differ", "the same norm each time",
            "It does not apply: pass data to draw batches from.",
        )  # fmt: skip
    limit = float(f"{np.median(norms):.2g}")
    observed = (
        f"the median of norms from {norms.min():.2g} to {norms.max():.2g} over {len(norms)} batches"
    )
    return Change((f"gradient clipped at norm {limit:g}, {observed}",), None, {"clip": limit})


def truncation(subject: Subject, rng: np.random.Generator) -> Change:
    """On text: let every loss reach as far back as 5 % of bias asks for, from the truncation bill."""
    if not subject.on_text:
        raise OptionError(
            "truncation", "text, which training cuts into chunks", "whole sequences",
            "It does not apply: nothing is cut off.",
        )  # fmt: skip
    needed = [p.shortest_truncation(BIAS) for p in subject.profiles(subject.steps - 1)]
    lengths = [K for K in needed if K is not None]
    if len(lengths) < len(needed):
        raise OptionError(
            "truncation", f"a truncation with {percent(BIAS)} of bias", "none up to the sequence's length",
            "Measure longer sequences.",
        )  # fmt: skip
    K, length = max(lengths), subject.settings.length
    sentence = f"window {length + K}: every loss reaches back {K} steps or more, bias at most {percent(BIAS)}"
    return Change((sentence,), None, {"window": length + K})


def omega(subject: Subject, rng: np.random.Generator) -> Change:
    """Pascanu's Ω in the loss: errors that keep their size from step to step are rewarded."""
    plain_layers(subject, "omega")
    if not subject.takes_omega:
        raise OptionError(
            "omega", "a bptt.Network, which bptt.training trains", "a PyTorch model",
            "It does not apply here. Add Ω to your own training loop.",
        )  # fmt: skip
    return Change((f"Ω with weight {OMEGA:g} in the loss",), None, {"omega": OMEGA})
