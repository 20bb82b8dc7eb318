"""The house's rules that no linter knows, each held by a few lines."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "backend" / "girih"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [path for path in MODULES if path.name != "__init__.py"]


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: explaining more must never be what makes it too long."""
    body = function.body
    has_doc = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    doc = (body[0].end_lineno or 0) - body[0].lineno + 1 if has_doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - doc


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=ids(MODULES))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300, "split it by noun"


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
def test_functions_stay_small(path: Path) -> None:
    long = {f.name: length(f) for f in functions(path) if length(f) > 40}
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
def test_modules_say_what_they_are_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "begin with one sentence"
    first = docstring.split("\n\n")[0]
    assert first.endswith((".", ":", ")")), first


def test_packages_are_empty_at_the_door() -> None:
    crowded = [path for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()]
    assert not crowded, "import from the file, not from the package"


def test_migrations_do_not_shadow_the_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_routes_are_thin() -> None:
    thick = {}
    for path in (PACKAGE / "api").rglob("*.py"):
        for function in functions(path):
            calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
            is_route = any(isinstance(d.func, ast.Attribute) and "router" in ast.unparse(d.func.value) for d in calls)
            if is_route and length(function) > 15:
                thick[f"{path.name}:{function.name}"] = length(function)
    assert not thick, "shape in, one service call, shape out"


def test_one_file_talks_to_the_outside() -> None:
    clients = {"httpx", "httpx2", "requests", "urllib.request", "aiohttp", "urllib3", "http.client"}
    users = {str(path.relative_to(PACKAGE)) for path in SOURCES if imports(path) & clients}
    outside = {user for user in users if not user.startswith("cli/")}
    assert outside <= {"providers/outbound.py"}, "every outbound URL goes through the guarded client"


def test_nothing_unsafe_is_deserialized() -> None:
    unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    assert not [path for path in SOURCES if imports(path) & unsafe]


def test_no_relationship_hides_a_query() -> None:
    hidden = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("relationship")
        and "lazy='raise'" not in ast.unparse(node)
    ]
    assert not hidden, "relationships are lazy='raise'"


def test_type_checking_blocks_hide_no_circle() -> None:
    hidden = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                hidden += [f"{path}:{n.lineno}" for n in ast.walk(node) if "girih" in str(getattr(n, "module", ""))]
    assert not hidden


def test_exceptions_to_the_rules_give_a_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for mark in ("# noqa", "# type: ignore", "# pragma")
        if mark in line and " - " not in line.split(mark, 1)[1]
    ]
    assert not bare, "say why behind a dash: `# noqa: S603 - the command is ours`"


def test_the_top_level_is_as_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert folders == {"backend", "agent_specs", "alembic", "tests", "docs", ".ci"}
