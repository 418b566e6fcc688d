"""Roles become files; the test rows open with their record only, and not after a change."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.data.columns import Schema, infer_schema
from holdfast.data.features import encode_target
from holdfast.data.fingerprint import fingerprint, hashes_from_bytes, overlap, row_hashes
from holdfast.data.kinds import FOLD, ROW
from holdfast.data.roles import Roles, SplitPlan, assign_roles
from holdfast.data.seal import SealRecord, load_role, open_sealed, write_roles
from holdfast.errors import DataError, HoldfastError, SealError


def split(plan: SplitPlan, rows: int = 60) -> tuple[Schema, pl.DataFrame, Roles]:
    frame = pl.DataFrame(
        {"x": np.sin(np.arange(rows)), "word": ["a", None, "c"] * (rows // 3), "y": ["u", "v"] * (rows // 2)}
    )
    schema = infer_schema(frame, "y")
    return schema, frame, assign_roles(schema, frame, encode_target(schema, frame), plan)


def test_every_row_is_in_one_file(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan(select=0.1))
    record, blob = write_roles(tmp_path, frame, roles, schema)
    parts = [load_role(tmp_path, role, record) for role in ("train", "validation", "select")]
    parts.append(open_sealed(tmp_path, record))
    together = pl.concat([part.drop(FOLD, strict=False) for part in parts]).sort(ROW)
    assert together[ROW].to_list() == list(range(60))
    assert together.drop(ROW).equals(frame)
    assert record.rows == {"train": 30, "validation": 12, "select": 6, "test": 12}
    assert SealRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    test_rows = row_hashes(frame)[roles.rows("test")]
    assert (hashes_from_bytes(blob) == test_rows).all()
    assert record.fingerprints["test"] == fingerprint(test_rows)
    assert record.hashes == hashlib.sha256(blob).hexdigest()


def test_folds_are_kept_with_the_training_rows(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan(folds=4))
    record, _ = write_roles(tmp_path, frame, roles, schema)
    assert (record.folds, record.ordered) == (4, False)
    train = load_role(tmp_path, "train", record)
    assert train[FOLD].to_list() == roles.fold[train[ROW].to_numpy()].tolist()
    with pytest.raises(DataError, match="no validation rows"):
        load_role(tmp_path, "validation", record)


def test_the_sealed_file_is_private_and_read_only(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    write_roles(tmp_path, frame, roles, schema)
    assert stat.S_IMODE((tmp_path / "sealed" / "test.arrow").stat().st_mode) == 0o400
    assert [path.name for path in (tmp_path / "sealed").iterdir()] == ["test.arrow"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["train.arrow", "validation.arrow"]


def test_the_test_role_is_no_open_role(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    record, _ = write_roles(tmp_path, frame, roles, schema)
    with pytest.raises(SealError, match="sealed"):
        load_role(tmp_path, "test", record)
    with pytest.raises(DataError, match="did you mean 'train'"):
        load_role(tmp_path, "trian")  # type: ignore[arg-type]


def test_a_changed_or_missing_file_is_found(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    record, _ = write_roles(tmp_path, frame, roles, schema)
    sealed = tmp_path / "sealed" / "test.arrow"
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.chmod(0o600)
    sealed.write_bytes(content)
    with pytest.raises(SealError, match="were changed"):
        open_sealed(tmp_path, record)
    sealed.unlink()
    with pytest.raises(SealError, match="cannot be read: No such file"):
        open_sealed(tmp_path, record)
    train = tmp_path / "data" / "train.arrow"
    train.write_bytes((tmp_path / "data" / "validation.arrow").read_bytes())
    with pytest.raises(DataError, match="not those that were written"):
        load_role(tmp_path, "train", record)


def test_writing_again_changes_nothing_and_another_split_is_refused(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    first = write_roles(tmp_path, frame, roles, schema)
    assert write_roles(tmp_path, frame, roles, schema) == first
    _, _, other = split(SplitPlan(seed=1))
    with pytest.raises(SealError, match="other test rows are sealed"):
        write_roles(tmp_path, frame, other, schema)


def test_test_rows_that_are_elsewhere_too_are_counted(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    assert write_roles(tmp_path / "a", frame, roles, schema)[0].repeats == 0
    twice = pl.concat([frame, frame])
    again = assign_roles(schema, twice, encode_target(schema, twice), SplitPlan())
    record, blob = write_roles(tmp_path / "b", twice, again, schema)
    hashes = row_hashes(twice)
    expected = sum(h in set(hashes[again.role != "test"].tolist()) for h in hashes[again.role == "test"].tolist())
    assert record.repeats == expected > 10
    assert overlap(hashes_from_bytes(blob), hashes[again.role != "test"]) <= expected


def test_without_test_rows_nothing_is_sealed(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan(test=0.0))
    record, blob = write_roles(tmp_path, frame, roles, schema)
    assert (record.hashes, blob, record.repeats) == (None, b"", 0)
    assert not (tmp_path / "sealed").exists()
    with pytest.raises(SealError, match="nothing to open"):
        open_sealed(tmp_path, record)


def test_tables_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    schema, frame, roles = split(SplitPlan())
    with pytest.raises(DataError, match="keeps for itself"):
        write_roles(tmp_path, frame.with_columns(pl.lit(1).alias(ROW)), roles, schema)
    with pytest.raises(DataError, match="lacks column 'x'"):
        write_roles(tmp_path, frame.drop("x"), roles, schema)
    (tmp_path / "sealed").write_text("in the way")
    with pytest.raises(HoldfastError, match="cannot be written"):
        write_roles(tmp_path, frame, roles, schema)
