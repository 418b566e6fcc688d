"""Import directions: the contracts in pyproject.toml hold, and would be noticed if they did not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RUN = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command(sys.argv[1:])"


def _lint(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, "--config", str(config), "--no-cache"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_every_contract_is_kept(root: Path) -> None:
    done = _lint(root / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = re.search(r"Contracts: (\d+) kept, 0 broken", done.stdout)
    assert kept is not None
    assert int(kept[1]) == (root / "pyproject.toml").read_text(encoding="utf-8").count(
        "[[tool.importlinter.contracts]]"
    )


def test_a_broken_contract_is_noticed(root: Path, tmp_path: Path) -> None:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    facts, study = '    "facts",\n', '    "study",\n'
    broken = text.replace(facts + study, study + facts)
    broken = broken.replace('allowed_importers = ["holdfast.train"]', 'allowed_importers = ["holdfast.log"]')
    config = tmp_path / "pyproject.toml"
    config.write_text(broken, encoding="utf-8")
    done = _lint(config)
    assert done.returncode == 1
    assert re.search(r"holdfast\.facts is not allowed to import holdfast\.study", done.stdout)
    assert "Illegal imports of protected package torch" in done.stdout
