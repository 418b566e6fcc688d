from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.log import MemoryLog, exists, list_studies, open_log
from holdfast.log.open import storage_path


def test_no_storage_is_memory() -> None:
    assert isinstance(open_log(None, "digits"), MemoryLog)
    assert list_studies(None) == []
    assert not exists(None, "digits")


def test_a_relative_and_an_absolute_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_log("sqlite:///a study#1?.db", "digits").close()
    assert (tmp_path / "a study#1?.db").is_file()
    open_log(f"sqlite:///{tmp_path}/absolute.db", "digits").close()
    assert (tmp_path / "absolute.db").is_file()
    assert storage_path("sqlite:///runs/study.db") == Path("runs/study.db")


@pytest.mark.parametrize(
    ("storage", "suggestion"),
    [
        ("study.db", "sqlite:///study.db"),
        ("/data/study.db", "sqlite:////data/study.db"),
        ("sqlite://study.db", "sqlite:///study.db"),
        ("sqlite:study.db", "sqlite:///study.db"),
        ("sqlite:///", "sqlite:///study.db"),
        ("sqlite:///:memory:", "sqlite:///study.db"),
        ("mysql://host/study", "sqlite:///study.db"),
        ("", "sqlite:///study.db"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_right_form(storage: str, suggestion: str) -> None:
    with pytest.raises(RequestError) as caught:
        open_log(storage, "digits")
    assert f"write {suggestion}, or leave it out" in str(caught.value)


def test_the_driver_of_another_library_is_no_part_of_an_address() -> None:
    with pytest.raises(
        RequestError, match=r"'postgresql\+psycopg2://user:\*\*\*@host/base' .* write postgresql://user@host"
    ):
        list_studies("postgresql+psycopg2://user:secret@host/base")
