"""Checkpoints in a folder and behind fsspec: whole or not there, and found again by their hash."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

import holdfast.log.store
from holdfast.errors import LogError, MissingBlobError, MissingExtraError, RequestError, TamperError
from holdfast.log.base import blob_hash
from holdfast.log.store import Store, _Remote, checked_url


@pytest.fixture(params=["folder", "file", "memory", "moved"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store in a folder, in memory, and in a file system where files are sent under another name and moved."""
    urls = {"folder": str(tmp_path / "kept"), "file": f"file://{tmp_path}/kept", "memory": "memory://kept"}
    found = Store(urls.get(request.param, "memory://moved"), "digits")
    if request.param == "moved":
        found.__dict__["_files"] = _Remote(fsspec.filesystem("memory"), "/moved/digits", at_once=False)
    yield found
    memory = fsspec.filesystem("memory")
    for place in ("/kept", "/moved"):
        if memory.exists(place):
            memory.rm(place, recursive=True)


def test_what_was_kept_is_found_by_its_hash_until_it_is_dropped(store: Store) -> None:
    assert store.sizes() == {}
    names = [store.put(data) for data in (b"one", b"two", b"one", b"")]
    assert names == [blob_hash(data) for data in (b"one", b"two", b"one", b"")]
    assert store.sizes() == {names[0]: 3, names[1]: 3, names[3]: 0}
    assert [store.get(name) for name in names] == [b"one", b"two", b"one", b""]
    store.drop([names[0], "0" * 64])
    assert set(store.sizes()) == set(names[1:]) - {names[0]}
    with pytest.raises(MissingBlobError, match="holds no checkpoint"):
        store.get(names[0])


def test_one_that_was_changed_is_refused(store: Store, tmp_path: Path) -> None:
    name = store.put(b"weights")
    if isinstance(store._files, _Remote):
        store._files.system.pipe_file(f"{store._files.path}/{name}", b"weight!")
    else:
        (tmp_path / "kept" / "digits" / name).write_bytes(b"weight!")
    with pytest.raises(TamperError, match="no longer has that sha256"):
        store.get(name)


def test_studies_do_not_share_a_folder(store: Store) -> None:
    name = store.put(b"one")
    other = Store(store.url, "other")
    assert other.sizes() == {}
    with pytest.raises(MissingBlobError):
        other.get(name)


def test_a_write_that_breaks_off_leaves_nothing_that_could_be_taken_for_a_checkpoint() -> None:
    system = fsspec.filesystem("memory")

    class Breaks:
        def __getattr__(self, name: str) -> Any:
            return getattr(system, name)

        def mv(self, *_: Any, **__: Any) -> None:
            raise ConnectionError("the network is gone")

    store = Store("memory://broken", "digits")
    store.__dict__["_files"] = _Remote(Breaks(), "/broken/digits", at_once=False)
    with pytest.raises(LogError, match=r"checkpoints cannot be written to 'memory://broken': the network is gone"):
        store.put(b"weights")
    assert system.ls("/broken/digits") == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://ann:secret@host/path", r"'ftp://ann:\*\*\*@host/path' holds a password"),
        ("nowhere://bucket", "is not understood .*; name a folder, or an address such as s3://bucket/path"),
        ("{}/file", "is a file; name a folder"),
    ],
)
def test_a_place_that_cannot_be_meant(url: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=said):
        checked_url(url.format(tmp_path))


def test_without_fsspec_the_extra_is_named_and_a_folder_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'holdfast\[remote\]'"):
        checked_url("memory://kept")
    assert Store(checked_url(str(tmp_path / "kept")), "digits").put(b"one")


def test_a_checkpoint_that_somebody_else_has_put_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, waits = Store(str(tmp_path / "kept"), "digits"), list[Path]()
    store.put(b"one")
    monkeypatch.setattr(holdfast.log.store, "flush_folder", waits.append)
    store.put(b"one")
    assert waits == [tmp_path / "kept" / "digits"]
