"""The rows of a study on disk: a file for every open role, and the test rows in one that only `open_sealed` reads.

    data/train.arrow          with the fold of every row in ``__fold__``, of more repeats in ``__again__``; and with a
                              window or a gap in time, in ``__learn__``, which fits learn from it
    data/validation.arrow     without folds only
    data/select.arrow         if the split has such a role
    sealed/test.arrow         readable by its owner only, writable by nobody

Every file holds all columns of the table that was divided and each row's number in it (``__row__``, from 0). Files are
written beside their place, fsynced, and moved there, so that a crash leaves a whole file or none.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.fingerprint import fingerprint, hashes_to_bytes, row_hashes
from holdfast.data.kinds import AGAIN, FOLD, KEPT, LEARN, ROW
from holdfast.data.roles import NO_FOLD, NO_ROLE, ROLES, Role, Roles
from holdfast.durable import make_folder, write_whole
from holdfast.errors import DataError, HoldfastError, SealError, nearest

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class SealRecord:
    """What was written: by role the number of rows, their fingerprint and the file's SHA-256 (hex).

    ``hashes`` is the SHA-256 of the test rows' hashes (see `write_roles`). ``repeats`` counts the test rows whose very
    content is also in a row of another role. ``folds`` is the number of folds (0 without), ``ordered`` whether they
    follow time, ``rounds`` how often they were drawn. ``unjudged`` counts the train rows that are in no fold, and
    ``left_out`` the rows that a gap leaves without a role.
    """

    rows: Mapping[str, int]
    fingerprints: Mapping[str, str]
    files: Mapping[str, str]
    hashes: str | None
    repeats: int
    folds: int
    ordered: bool
    rounds: int = 1
    unjudged: int = 0
    left_out: int = 0

    @property
    def fits(self) -> int:
        """Fits for each trial: one, or one for each fold of each repeat."""
        return max(self.folds, 1) * self.rounds

    def notes(self) -> list[str]:
        """What a person should know of rows that are not judged or not used."""
        notes = []
        if self.rounds > 1:
            notes.append(f"folds were drawn {self.rounds} times; what a row scored is averaged over these")
        if self.unjudged and self.ordered:
            notes.append(
                f"the earliest {self.unjudged:,} train rows are learned from and never validated, as nothing came "
                "before them to learn from"
            )
        if self.left_out:
            notes.append(f"{self.left_out:,} rows within the gap before a later part are in none, and nobody uses them")
        return notes

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        return {
            "rows": dict(self.rows),
            "fingerprints": dict(self.fingerprints),
            "files": dict(self.files),
            "hashes": self.hashes,
            "repeats": self.repeats,
            "folds": self.folds,
            "ordered": self.ordered,
            "rounds": self.rounds,
            "unjudged": self.unjudged,
            "left_out": self.left_out,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SealRecord:
        """The record that `to_json` wrote."""
        return SealRecord(**data)


def write_roles(
    folder: Path, frame: pl.DataFrame, roles: Roles, schema: Schema, hashes: np.ndarray | None = None
) -> tuple[SealRecord, bytes]:
    """Write the rows of every role to its file and seal the test rows.

    Writing the same rows again changes nothing; other test rows than those that are sealed there are refused.

    Args:
        folder: the study's folder.
        frame: the table with all its columns, N rows.
        roles: the role of every row.
        schema: which columns there must be.
        hashes: shape (N,), those of the rows; computed here if None.

    Returns:
        The record, and the hashes of the test rows (16 bytes each), by which later studies find an overlap.

    Raises:
        DataError: if the table lacks a column of the schema or has one of the names in `KEPT`.
        HoldfastError: if a file cannot be written.
        SealError: if other test rows are sealed in the folder.
    """
    _check_columns(frame, schema)
    hashes = row_hashes(frame) if hashes is None else hashes
    present = [role for role in ROLES if (roles.role == role).any()]
    contents = {role: _to_arrow(_rows_of(frame, roles, role)) for role in present}
    files: dict[str, str] = {role: hashlib.sha256(content).hexdigest() for role, content in contents.items()}
    if "test" in files:
        sealed = _path(folder, "test")
        if sealed.exists() and hashlib.sha256(sealed.read_bytes()).hexdigest() != files["test"]:
            raise SealError(f"other test rows are sealed in {sealed}; use another folder for another split")
    for role in reversed(present):
        path = _path(folder, role)
        try:
            make_folder(path.parent)
            write_whole(path, contents[role], mode=0o400 if role == "test" else 0o644)
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            raise HoldfastError(
                f"the {role} rows cannot be written to '{path}' ({reason}); mend that and run the plan again"
            ) from exc
    of_test = hashes[roles.role == "test"]
    blob = hashes_to_bytes(of_test)
    elsewhere = ~np.isin(roles.role, ["test", NO_ROLE])
    record = SealRecord(
        rows={role: int((roles.role == role).sum()) for role in present},
        fingerprints={role: fingerprint(hashes[roles.role == role]) for role in present},
        files=files,
        hashes=hashlib.sha256(blob).hexdigest() if len(of_test) else None,
        repeats=int(np.isin(of_test, hashes[elsewhere]).sum()),
        folds=int(roles.fold.max(initial=-1)) + 1,
        ordered=roles.ordered,
        rounds=roles.folds.shape[1],
        unjudged=int(((roles.fold == NO_FOLD) & (roles.role == "train")).sum())
        if roles.fold.max(initial=-1) >= 0
        else 0,
        left_out=int((roles.role == NO_ROLE).sum()),
    )
    return record, blob


def load_role(folder: Path, role: Role, record: SealRecord | None = None) -> pl.DataFrame:
    """The rows of an open role; with a record, only if the file is what was written.

    Raises:
        SealError: if the role is test.
        DataError: if there is no such role or file, or the file was changed.
    """
    path = open_file(folder, role)
    if not path.exists():
        raise DataError(f"there are no {role} rows: '{path}' does not exist")
    content = path.read_bytes()
    if record is not None and hashlib.sha256(content).hexdigest() != record.files.get(role):
        raise DataError(f"the {role} rows in '{path}' are not those that were written there; start a new study")
    return _from_arrow(content)


def open_file(folder: Path, role: Role) -> Path:
    """The file of an open role, whether or not it is there.

    Raises:
        SealError: if the role is test.
        DataError: if there is no such role.
    """
    if role == "test":
        raise SealError(
            "the test rows are sealed; they are opened once, at the end of a study, by 'holdfast unseal' or "
            "holdfast.unseal"
        )
    if role not in ROLES:
        raise DataError(f"there is no role '{role}'{nearest(role, ROLES)}; there are {', '.join(ROLES)}")
    return _path(folder, role)


def open_sealed(folder: Path, record: SealRecord) -> pl.DataFrame:
    """The test rows, if their file is what was sealed. Whoever calls this puts the opening on the record first.

    Raises:
        SealError: if nothing was sealed, or the file is gone or was changed.
    """
    if "test" not in record.files:
        raise SealError("the split sets no test rows apart, so there is nothing to open")
    path = _path(folder, "test")
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise SealError(f"the sealed test rows in '{path}' cannot be read: {exc.strerror}") from exc
    found = hashlib.sha256(content).hexdigest()
    if found != record.files["test"]:
        raise SealError(
            f"the sealed test rows in '{path}' were changed: their SHA-256 is {found[:12]}..., and "
            f"{record.files['test'][:12]}... was sealed"
        )
    return _from_arrow(content)


def _check_columns(frame: pl.DataFrame, schema: Schema) -> None:
    """Refuse a table that lacks a column or uses a name that the files need."""
    wanted = [column.name for column in schema.columns] + ([schema.target] if schema.target else [])
    for name in wanted:
        if name not in frame.columns:
            raise DataError(f"the table lacks column '{name}'{nearest(name, frame.columns)}")
    for name in KEPT:
        if name in frame.columns:
            raise DataError(f"the table has a column '{name}', a name that holdfast keeps for itself; rename it")


def _rows_of(frame: pl.DataFrame, roles: Roles, role: Role) -> pl.DataFrame:
    """The rows of one role with their numbers, and in train their folds."""
    import polars as pl

    rows = roles.rows(role)
    extra = [pl.Series(ROW, rows, dtype=pl.Int64)]
    if role == "train":
        extra.append(pl.Series(FOLD, roles.fold[rows], dtype=pl.Int64))
        if roles.again is not None:
            extra.append(pl.Series(AGAIN, roles.again[rows].astype(np.int32)))
    if role != "test" and roles.learn is not None:
        extra.append(pl.Series(LEARN, roles.learn[rows]))
    return frame[rows].with_columns(extra)


def _path(folder: Path, role: Role) -> Path:
    """Where the rows of a role are."""
    return folder / ("sealed" if role == "test" else "data") / f"{role}.arrow"


def _to_arrow(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of an Arrow file."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return buffer.getvalue()


def _from_arrow(content: bytes) -> pl.DataFrame:
    """The frame in the bytes of an Arrow file."""
    import polars as pl

    return pl.read_ipc(io.BytesIO(content))
