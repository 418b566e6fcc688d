"""Executors: run jobs here or in other processes, and hand back what they say."""

from holdfast.execute.base import Driver, Executor, Nothing
from holdfast.execute.inline import Inline
from holdfast.execute.processes import Processes

__all__ = ["Driver", "Executor", "Inline", "Nothing", "Processes"]
