"""doctor: what it finds, and what it advises."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import doctor

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_it_shows_versions_and_the_machine(call: Call) -> None:
    answer = call("doctor")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"numpy          {version('numpy')}" in answer.stdout
    for word in ("cores", "gpu", "git", "disk", "threads"):
        assert f"\n{word} " in answer.stdout


def test_as_json_and_with_a_thread_limit(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    found = json.loads(call("doctor", "--json").stdout)
    assert found["versions"]["holdfast"] == version("holdfast")
    assert "MKL_NUM_THREADS=3" in found["threads"]
    assert found["cores"] >= 1
    assert found["disk_free_bytes"] > 0


def test_without_torch_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "torch" else version(name))
    assert "pip install 'holdfast[torch]'" in doctor.examine(tmp_path)["advice"][0]


def test_a_broken_torch_is_no_crash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any) -> None:
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "_version", lambda _: "2.0")
    monkeypatch.setattr("holdfast.optional.importlib.import_module", broken)
    assert "torch is installed but cannot be imported: libtorch.so" in doctor.examine(tmp_path)["advice"][0]


def test_a_folder_that_does_not_exist_yet_is_looked_at_where_it_will_be(tmp_path: Path) -> None:
    assert doctor.examine(tmp_path / "not" / "yet")["disk_free_bytes"] > 0
