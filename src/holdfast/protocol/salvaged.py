"""What was salvaged from a damaged log, as far as a plan can go on with it."""

from __future__ import annotations

from holdfast.errors import RequestError
from holdfast.study.book import Book
from holdfast.study.losses import missing_beginning


def refuse_without_beginning(book: Book) -> None:
    """Refuse to go on with a study of a plan that was salvaged without what stands before its first trial.

    Raises:
        RequestError: as said.
    """
    lost = missing_beginning(book.state)
    if lost:
        raise RequestError(
            f"study '{book.state.settings.name}' was salvaged from a damaged log without {' and '.join(lost)}, so it "
            "cannot go on; what it found can be looked at, and its plan run again under another name"
        )
