"""What a paper needs: sentences with sources that the page of references has, and a citation of this version."""

import re
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt.errors import OptionError

ROOT = Path(__file__).parent.parent.parent


def test_sentences_name_versions_and_sources_of_the_page():
    network = bptt.Network.init(3, 8, 2, loss_at="last", rng=0)
    x = np.random.default_rng(0).standard_normal((60, 16, 3)).astype("float32")
    report = bptt.diagnose(network, (x, np.zeros(16, int)), progress=False)
    said = report.methods()
    dois = set(re.findall(r"doi:([\w./-]*\w)", said))
    assert len(dois) == 4
    page = (ROOT / "docs" / "references.md").read_text()
    assert all(f"<https://doi.org/{doi}>" in page for doi in dois)
    assert f"bptt {bptt.__version__}, NumPy {np.__version__}" in said
    assert "16 sequences of 60 steps" in said
    assert "seed" not in said
    assert "drawn with the seeds 0, 1 and 2. Everything" in report.methods(seeds=range(3))
    assert "drawn with the seed 7. Everything" in report.methods(7)
    with pytest.raises(OptionError, match="seeds"):
        report.methods(seeds=[0.5])


def test_the_citation_is_of_this_version():
    assert f"\nversion: {bptt.__version__}\n" in (ROOT / "CITATION.cff").read_text()
