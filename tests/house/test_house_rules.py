"""The measures of DESIGN.md on the source: lengths, widths, docstrings, circles, abstract or final."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import grimp

FILE_LINES = 500
BODY_LINES = 60
METHODS = 12
ARGUMENTS = 8

# Every exception carries its reason; one that nothing needs any more fails the test.
WIDE_CLASSES = {
    "holdfast.log.memory.MemoryLog": "the whole of a log: its events, its blobs and its snapshots",
    "holdfast.log.postgres.PostgresLog": "the whole of a log: its events, its blobs and its snapshots",
    "holdfast.log.sqlite.SqliteLog": "the whole of a log: its events, its blobs and its snapshots",
    "holdfast.search.history.HistoryBuilder": "one method for each thing that may happen to a trial",
    "holdfast.space.space.Space": "from and to every form of a configuration, with the language's own methods",
    "holdfast.study.book.Book": "everything that a study reads from or writes to its log passes here",
    "holdfast.study.handle.LiveTrial": "a trial has holdfast's public names and those of Optuna's objectives",
    "holdfast.study.study.Study": "the public names of a study are a contract: ask, tell, optimize and more",
    "holdfast.train.training.Training": "one training run: start, advance, resume, and the steps of an epoch",
}
LONG_SIGNATURES = {
    "holdfast.study.study.Study.__init__": "everything that a study is created with, by keyword",
    "holdfast.study.study.Study.optimize": "what is run, until when, and where, by keyword",
    "holdfast.data.columns.infer_schema": "the keys of the table [data] of a plan, by keyword",
    "holdfast.sklearn.search.HoldfastSearchCV.__init__": "scikit-learn's parameters of a search, by keyword",
    "holdfast.train.stacked.triton_step.step": "a kernel, to which everything is passed as an address or a number",
    "holdfast.evaluate.estimate.estimate": "everything that a correction for selection depends on, by keyword",
}
LONG_BODIES: dict[str, str] = {}
LONG_FILES: dict[str, str] = {}
CONCRETE_BASES = {
    "holdfast.protocol.plan._Table": "holds pydantic's settings for every table of a plan, and no field",
    "holdfast.testing.executors.ScriptedDriver": "a test double, varied by one method in the check that needs it",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(modules: dict[str, ast.Module]) -> Iterator[tuple[str, Function]]:
    """Every function and method, with its dotted name."""
    for module, tree in modules.items():
        yield from _functions_in(tree, module)


def _functions_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}.{child.name}" if isinstance(child, Function | ast.ClassDef) else prefix
        if isinstance(child, Function):
            yield name, child
        yield from _functions_in(child, name)


def _classes(modules: dict[str, ast.Module]) -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class, with its dotted name."""
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield f"{module}.{node.name}", node


def _body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _arguments(function: Function, method: bool) -> int:
    """Positional and keyword-only arguments, without the object or class that a method is called on."""
    arguments = function.args
    count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    static = any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in function.decorator_list)
    return count - (method and not static)


def _too_much(measured: dict[str, int], limit: int, exceptions: dict[str, str]) -> list[str]:
    """What is over the limit without a reason, and reasons that nothing needs any more."""
    over = {name: value for name, value in measured.items() if value > limit}
    found = [f"{name}: {value}, more than {limit}" for name, value in over.items() if name not in exceptions]
    return found + [f"{name} needs no exception any more" for name in exceptions if name not in over]


def test_files_are_not_too_long(root: Path) -> None:
    lines = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in ("src", "tests", "benchmarks", "examples", "docs")
        for path in (root / folder).rglob("*.py")
    }
    assert len(lines) > 100
    assert _too_much(lines, FILE_LINES, LONG_FILES) == []


def test_bodies_are_not_too_long(modules: dict[str, ast.Module]) -> None:
    lines = {name: _body_lines(function) for name, function in _functions(modules)}
    assert len(lines) > 500
    assert _too_much(lines, BODY_LINES, LONG_BODIES) == []


def test_signatures_are_not_too_long(modules: dict[str, ast.Module]) -> None:
    methods = {id(item) for _, node in _classes(modules) for item in node.body}
    counts = {name: _arguments(function, id(function) in methods) for name, function in _functions(modules)}
    commands = {name for name in counts if name.startswith("holdfast.cli.")}  # a command's options are its signature
    assert _too_much({n: c for n, c in counts.items() if n not in commands}, ARGUMENTS, LONG_SIGNATURES) == []


def test_classes_are_not_too_wide(modules: dict[str, ast.Module]) -> None:
    methods = {name: sum(isinstance(item, Function) for item in node.body) for name, node in _classes(modules)}
    assert _too_much(methods, METHODS, WIDE_CLASSES) == []


def test_everything_public_has_a_docstring(modules: dict[str, ast.Module]) -> None:
    bare = [name for name, tree in modules.items() if ast.get_docstring(tree) is None]
    for module, tree in modules.items():
        for node in tree.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                members = node.body if isinstance(node, ast.ClassDef) else []
                public = [m for m in members if isinstance(m, Function) and not m.name.startswith("_")]
                bare += [f"{module}.{item.name}" for item in (node, *public) if ast.get_docstring(item) is None]
    assert bare == []


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = grimp.build_graph("holdfast", exclude_type_checking_imports=True, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert sum(map(len, imported.values())) > 300
    try:
        graphlib.TopologicalSorter(imported).prepare()
    except graphlib.CycleError as exc:
        circle = " -> ".join(exc.args[1])
        raise AssertionError(f"import circle: {circle}") from exc


def test_a_class_is_abstract_or_final(modules: dict[str, ast.Module]) -> None:
    classes = dict(_classes(modules))
    derived = [
        f"{name} is derived from {base}, which is neither a Protocol nor abstract"
        for name, node in classes.items()
        for base in _holdfast_bases(name, node, modules, classes)
        if not (_is_exception(base, modules, classes) or _is_abstract(classes[base]) or base in CONCRETE_BASES)
    ]
    assert derived == []


def _holdfast_bases(
    name: str, node: ast.ClassDef, modules: dict[str, ast.Module], classes: dict[str, ast.ClassDef]
) -> list[str]:
    """The dotted names of the bases that are classes of holdfast."""
    module = name.rpartition(".")[0]
    names = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    found = [_home(module, base.id, modules) for base in names if isinstance(base, ast.Name)]
    return [base for base in found if base in classes]


def _home(module: str, name: str, modules: dict[str, ast.Module]) -> str:
    """The dotted name of the class that ``name`` means in a module: its own, or where it was imported from."""
    for node in ast.walk(modules[module]):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _home(node.module, alias.name, modules)
    return f"{module}.{name}"


def _is_exception(name: str, modules: dict[str, ast.Module], classes: dict[str, ast.ClassDef]) -> bool:
    node = classes[name]
    builtin = any(isinstance(base, ast.Name) and base.id.endswith(("Exception", "Error")) for base in node.bases)
    return builtin or any(
        _is_exception(base, modules, classes) for base in _holdfast_bases(name, node, modules, classes)
    )


def _is_abstract(node: ast.ClassDef) -> bool:
    """Whether a class is a Protocol, or says by ABC that it is not to be made."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return any(isinstance(base, ast.Name) and base.id in {"Protocol", "ABC"} for base in bases)
