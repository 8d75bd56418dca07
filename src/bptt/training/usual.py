"""How many weight updates are usual: as many as take some seconds on a small network."""

from bptt.data import Data, Task, Text

READ = 4_000_000  # inputs, one per step and sequence


def usual_updates(data: Data, batch: int) -> int:
    """About ten seconds of training, a minute at most.

    Args:
        data: what is learnt.
        batch: sequences per update.

    >>> from bptt.data import tasks
    >>> usual_updates(tasks.adding(100), 32)
    1250
    """
    if isinstance(data, Text):
        return 2000
    if isinstance(data, Task):
        return updates_that_read(data.steps, batch, 20, 2000)
    T, B, _ = data.train.x.shape
    return updates_that_read(T, min(batch, B), 20, 500)


def updates_that_read(T: int, batch: int, fewest: int, most: int) -> int:
    """Updates that read some four million inputs.

    Args:
        T: steps of a sequence.
        batch: sequences per update.
        fewest: the least to return.
        most: the largest to return.
    """
    return max(fewest, min(most, READ // max(1, T * batch)))
