"""How training can fail in a way that tells a search something."""

from __future__ import annotations

from holdfast.errors import HoldfastError


class Diverged(HoldfastError):  # noqa: N818 - the name that a search knows this outcome by
    """The loss became NaN or infinite, or exploded.

    Args:
        epoch: the epoch in which it happened, counted from 1.
        step: updates since the start, including the one that failed; None where that is not known.
        what: what happened, as the beginning of a sentence.
    """

    def __init__(self, epoch: int, step: int | None = None, what: str = "the loss became NaN or infinite") -> None:
        place = "" if step is None else f", at step {step:,}"
        super().__init__(f"{what} in epoch {epoch}{place}; a lower learning rate may help")
        self.epoch = epoch
        self.step = step
        self.what = what

    def __reduce__(self) -> tuple[type[Diverged], tuple[int, int | None, str]]:
        return (Diverged, (self.epoch, self.step, self.what))
