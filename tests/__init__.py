"""Networks of a test are so small that a second thread is waited for longer than it works.

Set here, for NumPy, PyTorch and this library read it once, when they are imported.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
