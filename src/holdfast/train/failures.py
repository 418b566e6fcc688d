"""How training can fail in a way that tells a search something."""

from __future__ import annotations

from holdfast.errors import HoldfastError


class Diverged(HoldfastError):  # noqa: N818 - the name that a search knows this outcome by
    """The loss became NaN or infinite.

    Args:
        epoch: the epoch in which it happened, counted from 1.
    """

    def __init__(self, epoch: int) -> None:
        super().__init__(f"the loss became NaN or infinite in epoch {epoch}; a lower learning rate may help")
        self.epoch = epoch

    def __reduce__(self) -> tuple[type[Diverged], tuple[int]]:
        return (Diverged, (self.epoch,))
