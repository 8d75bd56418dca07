"""Linear recurrences that a model computes by a scan: Mamba, RG-LRU, RWKV, xLSTM, minGRU, LRU and one's own."""

import bptt.torch_models.scans.adapters  # noqa: F401  (they register themselves)
from bptt.torch_models.scans.judged import diagnose_scans
from bptt.torch_models.scans.kinds import Decay, Delta, LinearRecurrence, Outer, Selective
from bptt.torch_models.scans.lags import scan_lags
from bptt.torch_models.scans.measured import ScanLags
from bptt.torch_models.scans.registry import is_scan, register, scan_modules
from bptt.torch_models.scans.scan import Scan
from bptt.torch_models.scans.ways import WaysBack, ways_back

__all__ = [
    "Decay", "Delta", "LinearRecurrence", "Outer", "Scan", "ScanLags", "Selective", "WaysBack", "diagnose_scans", "is_scan",
    "register", "scan_lags", "scan_modules", "ways_back",
]  # fmt: skip
