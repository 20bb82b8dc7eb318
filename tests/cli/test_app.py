"""The command line itself: what it loads, what it says, and how it ends."""

from __future__ import annotations

import importlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from girih.cli import app
from girih.cli.output import exit_code_of, wants_color
from girih.errors import Conflict, Forbidden, GirihError, InvalidInput, NotFound, Unauthorized, Unavailable

HEAVY = ("rich", "pydantic", "httpx", "yaml", "jsonschema", "girih.language", "langgraph", "sqlalchemy", "celery")

LOADED = """
import json, sys
from girih.cli.app import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded_by(*args: str) -> tuple[int, set[str], str]:
    done = subprocess.run([sys.executable, "-c", LOADED, *args], capture_output=True, text=True, timeout=60)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules), done.stdout


@pytest.mark.parametrize("args", [("--help",), ("--version",)])
def test_help_and_version_load_nothing_heavy(args: tuple[str, ...]) -> None:
    code, modules, out = loaded_by(*args)
    assert code == 0
    assert out
    assert [m for m in HEAVY if m in modules] == []


def test_validate_loads_no_server_and_no_client(tmp_path: Path) -> None:
    examples = shutil.copytree(Path(__file__).parents[2] / "agent_specs", tmp_path / "examples")
    for path in examples.glob("*.yaml"):
        # The values in tests are held against JSON Schemas, for which jsonschema is there.
        path.write_text(path.read_text().partition("\ntests:\n")[0])
    code, modules, _ = loaded_by("validate", str(examples))
    assert code == 0
    assert [
        m for m in ("httpx", "rich", "jsonschema", "langgraph", "sqlalchemy", "celery", "fastapi") if m in modules
    ] == []


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == 0
    out = capsys.readouterr().out
    for name, line in app.COMMANDS.items():
        assert name in out
        assert line.split(".")[0][:30] in out
    assert "130 interrupted" in " ".join(out.split())


@pytest.mark.parametrize("name", sorted(app.COMMANDS))
def test_every_command_in_the_table_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([name, "--help"]) == 0
    assert f"Usage: girih {name}" in capsys.readouterr().out


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["valdate"]) == 2
    assert "Did you mean 'validate'?" in capsys.readouterr().err


def test_an_unknown_option_is_a_fault_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["validate", "--formt", "x", "."]) == 2
    assert "--format" in capsys.readouterr().err
    assert app.run(["validate", "/no/such/path"]) == 2
    assert app.run(["validate", ".", "--format", "xml"]) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("m"), 1), (NotFound("m"), 1), (Unauthorized("m"), 4), (Forbidden("m"), 4), (Unavailable("m"), 4),
        (Conflict("m"), 5),
    ],
)  # fmt: skip
def test_exit_codes_of_faults(error: GirihError, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_fault_is_one_sentence_and_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["explain", "E999"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: there is no diagnostic code 'E999'\n  help: ")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def without_server(name: str) -> None:
        raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")

    monkeypatch.setattr(importlib, "import_module", without_server)
    assert app.run(["dev"]) == 4
    err = capsys.readouterr().err
    assert "`girih dev` needs the package 'uvicorn'" in err
    assert "pip install 'girih[server]'" in err


def test_our_own_missing_module_is_a_bug_and_not_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "COMMANDS", {"nothing": "Not there."})
    with pytest.raises(ModuleNotFoundError):
        app.run(["nothing"])


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(app, "load_command", interrupted)
    assert app.run(["schema"]) == 130


def test_an_argument_that_is_no_text_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["run", "hello", "-i", "question=a\udcffb"]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err


LOADING = """
import importlib, signal, sys
from girih.cli import program
load = importlib.import_module
def interrupted(name):
    signal.raise_signal(signal.SIGINT)
    return load(name)
importlib.import_module = interrupted
sys.argv = ["girih", "--version"]
program.main()
"""


def test_ctrl_c_while_the_program_is_loaded_ends_it_with_130() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{LOADING}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"girih ")


def test_a_reader_that_goes_away_is_no_error_to_speak_of() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from girih.cli.app import run; sys.exit(run(['schema']))"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert err == b""


class Terminal:
    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "environment", "expected"),
    [
        (True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True), (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)  # fmt: skip
def test_colour(is_terminal: bool, environment: dict[str, str], expected: bool) -> None:
    assert wants_color(Terminal(is_terminal), environment) is expected  # type: ignore[arg-type]
