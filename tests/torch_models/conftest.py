"""What tests of models have in common."""

import pytest


@pytest.fixture
def one_process(tmp_path):
    """A process group of one rank, which outlives the models of a test: the destructor of its last reducer can hang."""
    from torch import distributed

    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()
