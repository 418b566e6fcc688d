"""holdfast: tune hard, report a number that holds.

Names are imported when they are first used, so that ``import holdfast`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.count.limits import Limit
    from holdfast.count.records import Inspection
    from holdfast.data.leakage.check import check_leakage
    from holdfast.data.leakage.finding import Finding
    from holdfast.data.split import Splits, split
    from holdfast.errors import HoldfastError, RequestError
    from holdfast.protocol.amend import Amendment, amend
    from holdfast.protocol.replay_schedule import replay_schedule
    from holdfast.protocol.targets import inspect
    from holdfast.protocol.train_many import train_many
    from holdfast.protocol.tune import Result, load_result, resume, tune, unseal
    from holdfast.records import Fidelity, RowScores, Score, Trial, Verdict
    from holdfast.space import Categorical, Derived, Float, Int, Normal, Space
    from holdfast.study.handle import LiveTrial
    from holdfast.study.jobs import TrialPruned
    from holdfast.study.load import load_study
    from holdfast.study.schedule import Schedule
    from holdfast.study.storing import Checkpoints
    from holdfast.study.study import Study

_HOMES = {
    "Amendment": "holdfast.protocol.amend",
    "Categorical": "holdfast.space",
    "Checkpoints": "holdfast.study.storing",
    "Derived": "holdfast.space",
    "Fidelity": "holdfast.records",
    "Finding": "holdfast.data.leakage.finding",
    "Float": "holdfast.space",
    "HoldfastError": "holdfast.errors",
    "Inspection": "holdfast.count.records",
    "Int": "holdfast.space",
    "Limit": "holdfast.count.limits",
    "LiveTrial": "holdfast.study.handle",
    "Normal": "holdfast.space",
    "RequestError": "holdfast.errors",
    "Result": "holdfast.protocol.tune",
    "RowScores": "holdfast.records",
    "Schedule": "holdfast.study.schedule",
    "Score": "holdfast.records",
    "Space": "holdfast.space",
    "Splits": "holdfast.data.split",
    "Study": "holdfast.study.study",
    "Trial": "holdfast.records",
    "TrialPruned": "holdfast.study.jobs",
    "Verdict": "holdfast.records",
    "amend": "holdfast.protocol.amend",
    "check_leakage": "holdfast.data.leakage.check",
    "inspect": "holdfast.protocol.targets",
    "load_result": "holdfast.protocol.tune",
    "load_study": "holdfast.study.load",
    "replay_schedule": "holdfast.protocol.replay_schedule",
    "resume": "holdfast.protocol.tune",
    "split": "holdfast.data.split",
    "train_many": "holdfast.protocol.train_many",
    "tune": "holdfast.protocol.tune",
    "unseal": "holdfast.protocol.tune",
}

__all__ = [
    "Amendment",
    "Categorical",
    "Checkpoints",
    "Derived",
    "Fidelity",
    "Finding",
    "Float",
    "HoldfastError",
    "Inspection",
    "Int",
    "Limit",
    "LiveTrial",
    "Normal",
    "RequestError",
    "Result",
    "RowScores",
    "Schedule",
    "Score",
    "Space",
    "Splits",
    "Study",
    "Trial",
    "TrialPruned",
    "Verdict",
    "amend",
    "check_leakage",
    "inspect",
    "load_result",
    "load_study",
    "replay_schedule",
    "resume",
    "split",
    "train_many",
    "tune",
    "unseal",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
