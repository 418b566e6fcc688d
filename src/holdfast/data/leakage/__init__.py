"""Checks before the first fit: what would make a score too good, or a role too small, each a named finding."""

from holdfast.data.leakage.check import check_accepted, check_leakage, find_leakage, refuse
from holdfast.data.leakage.finding import CHECKS, Finding, Findings

__all__ = ["CHECKS", "Finding", "Findings", "check_accepted", "check_leakage", "find_leakage", "refuse"]
