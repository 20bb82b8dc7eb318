"""The wheel, as somebody has it who never saw the repository: with the core's dependencies alone, and with all."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from uuid import UUID

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NOWHERE = ("GIRIH_URL", "GIRIH_API_KEY", "PYTHONPATH", "OPENAI_API_KEY", "GIRIH_OPENAI_API_KEY")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("girih-*.whl")
    return file


def core_requirements(wheel: Path) -> Iterator[Requirement]:
    """What the wheel itself says that it needs without any extra."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    for line in lines:
        if line.startswith("Requires-Dist: "):
            requirement = Requirement(line.removeprefix("Requires-Dist: "))
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                yield requirement


def install(requirements: Iterator[Requirement], target: Path) -> set[str]:
    """Copy these packages, and what they need in turn, from this environment: the same files, and no index to ask."""
    done: set[str] = set()
    queue = list(requirements)
    while queue:
        requirement = queue.pop()
        if requirement.name.lower() in done:
            continue
        done.add(requirement.name.lower())
        package = distribution(requirement.name)
        for file in package.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target / file)
        for needed in map(Requirement, package.requires or ()):
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                queue.append(needed)
    return done


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel and the core's dependencies, nothing else."""
    home = tmp_path_factory.mktemp("core")
    venv.create(home, with_pip=False, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    installed = install(core_requirements(wheel), packages)
    assert not installed & {"sqlalchemy", "fastapi", "celery", "langgraph", "numpy"}
    zipfile.ZipFile(wheel).extractall(packages)
    return home / "bin" / "python"


ENTRY = "from importlib.metadata import entry_points as e; e(group='console_scripts', name='girih')['girih'].load()()"


def girih(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program `girih` as the wheel declares it, in a folder where no server is known."""
    env = {name: value for name, value in os.environ.items() if name not in NOWHERE} | {"NO_COLOR": "1"}
    command = [str(python), "-c", ENTRY, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_core_validates_a_new_workspace_and_the_examples(core: Path, tmp_path: Path) -> None:
    made = girih(core, tmp_path, "new", "mine")
    assert made.returncode == 0, made.stderr
    shutil.copytree(ROOT / "agent_specs", tmp_path / "examples")
    for workspace in ("mine", "examples"):
        proven = girih(core, tmp_path, "validate", workspace)
        assert (proven.returncode, "nothing wrong" in proven.stdout + proven.stderr) == (0, True), proven.stderr


def test_the_core_explains_and_describes(core: Path, tmp_path: Path) -> None:
    assert "Commands:" in girih(core, tmp_path, "--help").stdout
    assert girih(core, tmp_path, "--version").stdout.startswith("girih 0.")
    assert girih(core, tmp_path, "explain", "E101").stdout.startswith("# E101: ")
    written = (ROOT / "agent_specs" / "schemas" / "graph.schema.json").read_text()
    assert girih(core, tmp_path, "schema", "graph").stdout == written


@pytest.mark.parametrize("command", ["run hello", f"trace {UUID(int=1)}", "versions hello", "ingest docs .", "apply ."])
def test_the_core_says_that_no_server_is_known(core: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "note.md").write_text("A note.")
    shutil.copy(ROOT / "agent_specs" / "hello.yaml", tmp_path)
    done = girih(core, tmp_path, *command.split())
    assert done.returncode == 4
    assert done.stderr.startswith("error: no girih server is known here\n  help: start one with `girih dev`")


def test_the_core_names_what_to_install_for_a_server(core: Path, tmp_path: Path) -> None:
    done = girih(core, tmp_path, "dev")
    assert done.returncode == 4
    assert "help: pip install 'girih[server]'" in done.stderr
    assert "Traceback" not in done.stderr
    looked = girih(core, tmp_path, "doctor")
    assert looked.returncode == 4
    assert "to run a server here: pip install 'girih[server]'" in looked.stdout


def test_the_wheel_holds_what_lies_beside_the_package(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (
        ("alembic", "_migrations"),
        ("agent_specs", "_examples"),
        ("docs/reference/diagnostics", "_docs/diagnostics"),
    ):
        listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False)
        if listed.returncode:
            pytest.skip("not a git checkout")
        expected = {f"girih/{place}{name.removeprefix(folder)}" for name in listed.stdout.splitlines()}
        assert expected
        assert expected <= inside
    assert not [name for name in inside if "__pycache__" in name or name.endswith((".pyc", ".log"))]


def test_the_demo_runs_from_the_wheel_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("demo")
    zipfile.ZipFile(wheel).extractall(place / "installed")
    (place / "somewhere").mkdir()
    env = {name: value for name, value in os.environ.items() if name not in NOWHERE}
    env |= {"PYTHONPATH": str(place / "installed"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "girih.cli", "dev", "--demo", "--once", "--port", "0"]
    done = subprocess.run(
        command, cwd=place / "somewhere", env=env, capture_output=True, text=True, timeout=160, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"$ girih apply {place / 'installed' / 'girih' / '_examples'}" in done.stdout
    assert (place / "somewhere" / ".girih" / "postgres").is_dir()
