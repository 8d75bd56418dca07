"""Adapters of published models, one file per family: each is known by the name of its class, and imports nothing of its package."""

import bptt.torch_models.scans.adapters.delta_nets
import bptt.torch_models.scans.adapters.lru
import bptt.torch_models.scans.adapters.mamba
import bptt.torch_models.scans.adapters.mamba2
import bptt.torch_models.scans.adapters.min_rnns
import bptt.torch_models.scans.adapters.recurrent_gemma
import bptt.torch_models.scans.adapters.rwkv
import bptt.torch_models.scans.adapters.xlstm  # noqa: F401
