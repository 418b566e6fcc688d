"""A plan made ready in a folder of its own that is gone afterwards, to look at it before it runs."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from holdfast.log.open import check_place
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.ledger import uses_in
from holdfast.protocol.prepare import Ready, prepare_study
from holdfast.protocol.read import PlanFile


@contextlib.contextmanager
def prepared_apart(file: PlanFile, run: RunFolder) -> Iterator[Ready]:
    """The study of a plan in a folder of its own, not that of ``run``, which is gone afterwards.

    Raises:
        RequestError: if the plan cannot be meant.
    """
    with file.at("study", "storage"):
        check_place(file.plan.study.storage)
    elsewhere = file.plan.study.model_copy(update={"storage": None})
    copy = PlanFile(file.plan.model_copy(update={"study": elsewhere}), file.path, file.base, file.text)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-plan-")))
        own = prepare_study(copy, RunFolder(folder, run.name), uses_in(run.ledger))
        yield stack.enter_context(closing(own))
