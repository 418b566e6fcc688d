"""The state of a repository is told truly, and telling it never fails."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from holdfast.data import provenance
from holdfast.data.provenance import environment, git_state


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", "code.py")
    return tmp_path


def test_a_clean_and_a_changed_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(repository) == {
        "commit": None,
        "dirty": True,
        "diff": "",
        "diff_sha256": None,
        "untracked": [],
    }
    git(repository, "commit", "--quiet", "-m", "first")
    clean = git_state(repository)
    assert clean is not None
    assert clean["commit"] == git(repository, "rev-parse", "HEAD")
    assert (clean["dirty"], clean["diff"], clean["diff_sha256"]) == (False, "", None)
    (repository / "code.py").write_text("a = 2\n")
    (repository / "é new.txt").write_text("x")
    (repository / "sub").mkdir()
    changed = git_state(repository / "sub")
    assert changed is not None
    assert changed["dirty"]
    assert "+a = 2" in changed["diff"]
    assert changed["untracked"] == ["é new.txt"]
    assert changed["diff_sha256"] == hashlib.sha256(changed["diff"].encode()).hexdigest()
    monkeypatch.setattr(provenance, "LONGEST_DIFF", 10)
    cut = git_state(repository)
    assert cut is not None
    assert (len(cut["diff"]), cut["diff_sha256"]) == (10, changed["diff_sha256"])


def test_outside_of_a_repository_or_without_git(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_state(tmp_path / "no such folder") is None
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) is None


def test_a_folder_that_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None


def test_the_environment_is_plain_json() -> None:
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert {"holdfast", "numpy", "scikit-learn", "polars", "scipy"} <= set(found["versions"])
