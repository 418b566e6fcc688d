"""The project's own files: dependencies, constraints, wheel, changelog, hooks, and nothing of anybody's machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

FRAGMENT = re.compile(r"[a-z0-9-]+\.(added|changed|fixed)\.md")
USED = ("torch", "energy", "card", "cma", "postgres", "ray")
"""The extras whose packages the code itself imports."""

NOT_OF_A_REPOSITORY = {
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(?:work|root|opt|Users|home)/\w"),
    "an address of a package index": re.compile(r"pypi\.org|pythonhosted|download\.pytorch|/simple\b"),
    "an option that names a package index": re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host"),
}


def _imported(trees: list[ast.Module]) -> set[str]:
    """The top-level names of all imports that are neither of the standard library nor holdfast's own."""
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"holdfast"}


BROUGHT = {"triton": ["torch"]}
"""What another distribution brings along, on some machines only."""


def _distributions(imported: set[str]) -> set[str]:
    installed = {**packages_distributions(), **BROUGHT}
    return {_normal(name) for module in imported for name in installed[module]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(requirements: list[str]) -> set[str]:
    return {_normal(match[0]) for item in requirements if (match := re.match(r"[A-Za-z0-9._-]+", item))}


def test_every_dependency_is_declared_and_used(modules: dict[str, ast.Module], project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]
    declared = _declared([*project["project"]["dependencies"], *(item for name in USED for item in extras[name])])
    imported = _distributions(_imported(list(modules.values())))
    assert imported - declared == set(), "imported, and not declared in pyproject.toml"
    assert declared - imported == set(), "declared in pyproject.toml, and imported nowhere"


def test_what_tests_and_benchmarks_import_is_declared(root: Path, project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]
    declared = _declared([*project["project"]["dependencies"], *(item for name in extras for item in extras[name])])
    paths = [path for folder in ("tests", "benchmarks", "docs") for path in (root / folder).rglob("*.py")]
    imported = _imported([ast.parse(path.read_text(encoding="utf-8")) for path in paths])
    beside = {name for path in paths for name in (path.stem, *path.relative_to(root).parts[:-1])}
    assert _distributions(imported - beside) - declared == set()


def test_constraints_are_names_and_versions(root: Path, project: dict[str, Any]) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    odd = [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)]
    assert odd == []
    extras = project["project"]["optional-dependencies"]
    needed = _declared([*project["project"]["dependencies"], *(item for name in extras for item in extras[name])])
    needed.discard("holdfast")
    assert needed - _declared(pins) == set(), "a dependency that constraints.txt does not pin"


def test_the_wheel_holds_everything(root: Path, tmp_path: Path, tracked: list[Path]) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    source = root / "src"
    expected = {path.relative_to(source).as_posix() for path in tracked if path.is_relative_to(source)}
    assert expected - names == set()
    assert "holdfast/py.typed" in names
    assert any(name.startswith("holdfast/report/templates/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_nothing_of_one_machine_is_tracked(root: Path, tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        if path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a database holds no text that anybody reads
        for what, pattern in NOT_OF_A_REPOSITORY.items():
            found += [f"{path.relative_to(root)}: {what}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_changelog_fragments(root: Path) -> None:
    files = [path for path in (root / "changelog.d").iterdir() if path.suffix == ".md"]
    assert [path.name for path in files if not FRAGMENT.fullmatch(path.name)] == []
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "next", "--date", "2000-01-01"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    missing = [path.name for path in files if f"- {path.read_text(encoding='utf-8').split()[0]}" not in done.stdout]
    assert missing == []


def test_hooks_are_local(root: Path) -> None:
    text = (root / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"- repo: (\S+)", text)) == {"local"}
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}
