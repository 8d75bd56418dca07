"""While a PyTorch model trains: how far back its gradient reaches, now and then, to any logger.

monitor.py       Monitor: when to measure, and what happens if that fails
measured.py      one model on one batch, from the same state every time
measure.py       one measurement as one flat dict
gradients.py     norms, and what is not finite
watch.py         steps and clipping, seen in a training loop that knows of neither
ranks.py         several processes, one dict
loggers.py       the dict to whatever the user has
lightning.py     callback of the PyTorch Lightning Trainer
hugging_face.py  callback of the Hugging Face Trainer

Each callback is imported when it is asked for, and so is the package that it is for.
"""

from typing import TYPE_CHECKING, Any

from bptt.extras import needing

with needing("torch", "bptt.Monitor"):
    from bptt.monitor.monitor import Monitor

if TYPE_CHECKING:
    from bptt.monitor.hugging_face import TrainerCallback
    from bptt.monitor.lightning import LightningCallback

__all__ = ["LightningCallback", "Monitor", "TrainerCallback"]


def __getattr__(name: str) -> Any:
    if name == "LightningCallback":
        from bptt.monitor.lightning import LightningCallback

        return LightningCallback
    if name == "TrainerCallback":
        from bptt.monitor.hugging_face import TrainerCallback

        return TrainerCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
