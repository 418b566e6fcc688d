"""doctor: what it finds, and what it advises."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import checks
from holdfast.cli.checks import Check
from holdfast.log import shares

Call = Callable[..., subprocess.CompletedProcess[str]]


def found(runs: Path) -> dict[tuple[str, str], Check]:
    return {(check.section, check.what): check for check in checks.checks(runs)}


def test_it_shows_versions_and_the_machine_by_section(call: Call) -> None:
    answer = call("doctor")
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["ok", "numpy", version("numpy")] in lines
    for section in ("packages", "extras", "machine", "energy", "files", "shell"):
        assert [section] in lines
    for word in ("processor", "gpu", "git", "disk", "threads", "completion"):
        assert any(line[1:2] == [word] for line in lines), word
    assert "\x1b" not in answer.stdout


def test_as_json_and_with_a_thread_limit(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    said = json.loads(call("doctor", "--json").stdout)
    assert said["versions"]["holdfast"] == version("holdfast")
    assert "MKL_NUM_THREADS=3" in next(check["found"] for check in said["checks"] if check["what"] == "threads")
    assert said["cores"] >= 1
    assert said["disk_free_bytes"] > 0


def test_the_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: items for name, items in project["optional-dependencies"].items() if name not in {"all", "dev"}}
    assert set(checks.EXTRAS) == set(extras)
    for name, (package, _) in checks.EXTRAS.items():
        assert any(item.startswith(package) for item in extras[name])


@pytest.mark.parametrize("extra", list(checks.EXTRAS))
def test_without_an_extra_it_says_what_to_type(extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = checks.EXTRAS[extra][0]
    monkeypatch.setattr(checks, "version_of", lambda name: None if name == package else "1.0")
    check = found(tmp_path)["extras", extra]
    assert check.mark == "missing"
    assert f"pip install 'holdfast[{extra}]'" in check.advice


def test_a_broken_torch_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(checks, "version_of", lambda _: "2.0")
    monkeypatch.setattr("holdfast.optional.importlib.import_module", broken)
    assert "torch is installed but cannot be imported: libtorch.so" in checks.gpu().advice


@pytest.mark.parametrize(("mode", "mark", "words"), [(0o644, "ok", "its own counter"), (None, "note", "no counter")])
def test_energy_counters_are_looked_for(
    mode: int | None, mark: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "COUNTERS", tmp_path)
    if mode is not None:
        (tmp_path / "intel-rapl").mkdir()
        (tmp_path / "intel-rapl" / "energy_uj").write_text("1")
    check = found(tmp_path)["energy", "processor"]
    assert check.mark == mark
    assert words in check.found


def test_a_counter_that_only_root_may_read_comes_with_the_command_that_opens_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "COUNTERS", tmp_path)
    (tmp_path / "intel-rapl").mkdir()
    (tmp_path / "intel-rapl" / "energy_uj").write_text("1")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert found(tmp_path)["energy", "processor"].advice.endswith(str(tmp_path / "*" / "energy_uj"))


def test_a_folder_that_does_not_exist_yet_is_looked_at_where_it_will_be(tmp_path: Path) -> None:
    assert found(tmp_path / "not" / "yet")["files", "disk"].found.endswith("GiB free")
    assert not (tmp_path / "not").exists()


def test_a_folder_that_cannot_be_written_to_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    check = found(tmp_path)["files", "runs"]
    assert check.mark == "missing"
    assert "cannot be written to (permission denied); name another folder with --runs DIR" in check.advice


@pytest.mark.parametrize("shell", list(checks.COMPLETIONS))
def test_completion_is_found_where_it_is_installed(shell: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert "holdfast --install-completion" in found(tmp_path)["shell", "completion"].advice
    script = tmp_path / checks.COMPLETIONS[shell]
    script.parent.mkdir(parents=True)
    script.write_text("")
    assert found(tmp_path)["shell", "completion"].found == f"installed for {shell}"


@pytest.mark.parametrize(("locks", "mark"), [(True, "note"), (False, "missing")])
def test_runs_on_a_network_share(locks: bool, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "share_of", lambda *_: shares.Share("NFS", "/srv", locks=locks))
    check = found(tmp_path)["files", "runs"]
    assert check.mark == mark
    assert "(NFS at /srv)" in check.found
    assert check.advice
