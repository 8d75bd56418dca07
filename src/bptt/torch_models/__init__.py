"""PyTorch's recurrent layers, as they stand: capture, replay, and the gradient by lag.

Only this package, ``nn`` and ``monitor`` import PyTorch (extra ``torch``).
"""

from bptt.extras import needing

with needing("torch", "bptt.torch_models"):
    from bptt.torch_models.as_found import unwrapped
    from bptt.torch_models.as_module import as_module, is_module
    from bptt.torch_models.convert import from_torch, to_torch
    from bptt.torch_models.decompose import Bounds
    from bptt.torch_models.diagnose import diagnose_module
    from bptt.torch_models.learner import ModuleLearner, batches_of
    from bptt.torch_models.nonfinite import where_not_finite
    from bptt.torch_models.own_step import by_lag
    from bptt.torch_models.scans import (
        Decay,
        Delta,
        Outer,
        Scan,
        Selective,
        register,
        scan_lags,
        ways_back,
    )
    from bptt.torch_models.states_subject import StatesSubject
    from bptt.torch_models.subject import ModuleSubject

__all__ = [
    "Bounds", "Decay", "Delta", "ModuleLearner", "ModuleSubject", "Outer", "Scan", "Selective", "StatesSubject", "as_module", "batches_of",
    "by_lag", "diagnose_module", "from_torch", "is_module", "register", "scan_lags", "to_torch", "unwrapped", "ways_back",
    "where_not_finite",
]  # fmt: skip
