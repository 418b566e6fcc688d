"""Executors: run jobs here, in other processes or on other machines, and hand back what they say."""

from holdfast.execute.base import Driver, Executor, Nothing
from holdfast.execute.inline import Inline
from holdfast.execute.processes import Processes
from holdfast.execute.ray import Ray
from holdfast.execute.resources import Resources

__all__ = ["Driver", "Executor", "Inline", "Nothing", "Processes", "Ray", "Resources"]
