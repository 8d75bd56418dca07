"""Tasks with a known dependence: how far back the answer lies is set by the task, not guessed."""

from bptt.tasks.task import Task

__all__ = ["Task"]
