"""Where a plan has the checkpoints of its trials kept."""

from __future__ import annotations

from holdfast.errors import RequestError
from holdfast.log.store import checked_url
from holdfast.protocol.plan import Plan
from holdfast.study.storing import Checkpoints


def checkpoints_of(plan: Plan) -> Checkpoints | None:
    """The place that a plan names; None for in the log.

    Raises:
        RequestError: if it cannot be meant, or there is a quota without a place.
        MissingExtraError: if a package is missing for it.
    """
    study = plan.study
    if study.checkpoints is None:
        if study.checkpoint_quota is not None:
            raise RequestError(
                "checkpoint_quota is for checkpoints in a place of their own; name it too, as in checkpoints = "
                '"checkpoints", or limit the whole run: [budget] disk'
            )
        return None
    return Checkpoints(checked_url(study.checkpoints), study.checkpoint_quota)
