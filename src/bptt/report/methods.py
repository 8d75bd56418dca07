"""What was measured and how, in the sentences that a paper needs."""

from platform import python_version

import numpy as np

from bptt.diagnosis import Diagnosis, StateDiagnosis
from bptt.presentation.formatting import listed, stated
from bptt.version import __version__


def methods(
    diagnosis: Diagnosis, title: str, facts: tuple[tuple[str, str], ...], seeds: tuple[int, ...]
) -> str:
    """Sentences with the sources, the versions and whatever is known of data and seeds.

    Args:
        diagnosis: of the network.
        title: what was measured.
        facts: (name, value) pairs about data and training.
        seeds: of weights and data.
    """
    layers = diagnosis.layers.values()
    plain = not any(isinstance(layer, StateDiagnosis) for layer in layers)
    of = "the recurrent weights" if plain else "the parameters of each recurrent step"
    residual = max(layer.profile.residual for layer in layers)
    sentences = [
        f"The gradient of {of} was split exactly by lag (Pascanu et al. 2013, doi:10.48550/arXiv.1211.5063): k is the number "
        "of steps between the loss and the step at which the weight acts; the parts add up to the whole gradient to "
        f"{residual:.0e} of its norm.",
        "The horizon is the smallest lag such that it and all shorter ones hold 95 % of the sum of the parts' norms.",
        f"The network was {title}.",
    ]
    exponents = [layer.exponents for layer in layers if layer.exponents is not None]
    if exponents:
        sentences.append(
            "Lyapunov exponents were computed by repeated QR factorisation over the full state (Benettin et al. 1980, "
            "doi:10.1007/BF02128236; Engelken et al. 2023, doi:10.1103/PhysRevResearch.5.043044), with standard errors from "
            "the scatter over blocks of time and sequences."
        )
    if diagnosis.memory is not None:
        sentences.append(
            "The memory function is the R² of linear readings of past inputs off the state on held-out data (Jaeger 2001), "
            "with the ridge chosen by generalised cross-validation (Golub et al. 1979, doi:10.1080/00401706.1979.10489751)."
        )
    sentences += [sentence for sentence in diagnosis.assumed]
    sentences += [stated(facts)] if facts else []
    if seeds:
        drawn = f"the seed{'s' * (len(seeds) > 1)} {listed(tuple(map(str, seeds)))}"
        sentences.append(f"Weights and data were drawn with {drawn}.")
    versions = f"bptt {__version__}, NumPy {np.__version__} and Python {python_version()}"
    return " ".join([*sentences, f"Everything was computed with {versions}."])
