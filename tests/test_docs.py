"""The documentation holds: every snippet runs, every link leads somewhere, every generated page is current."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.acceptance.dev_process import girih_dev
from tests.compat.clients import NODE, SCRIPTS, need_clients

from girih.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
GUIDES = [page for page in PAGES if "reference" not in page.parts and "examples" not in page.parts]
FENCE = re.compile(r"^```([a-z]*)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOOLS = ("curl", "sed")
SAID = Path(__file__).with_name("said.py")
START = """\
set -euo pipefail
said=$(mktemp -d)
ended() {
  code=$?
  [ $code = 0 ] || cat "$said"/*
  [ -z "$(jobs -p)" ] || kill $(jobs -p)
  rm -r "$said"
  exit $code
}
trap ended EXIT
"""


class Snippet(NamedTuple):
    """A fenced block: its language, what stands behind it, and its text."""

    language: str
    info: str
    text: str


def snippets(page: Path) -> list[Snippet]:
    return [Snippet(*match) for match in FENCE.findall(page.read_text())]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def as_script(page: Path) -> str:
    """The page as one shell script: files are written, commands, Python and JavaScript run, all in reading order.

    `sh second` is a command that goes on in a second terminal; `text output` is what the commands before it said, and
    `text second` what comes to stand in the second terminal.
    """
    lines = [START]
    for snippet in snippets(page):
        if snippet.language == "yaml" and snippet.info.startswith("file="):
            path = snippet.info.removeprefix("file=")
            lines.append(
                f"mkdir -p \"$(dirname '{path}')\" && cat > '{path}' <<'END_OF_FILE'\n{snippet.text}END_OF_FILE"
            )
        elif (snippet.language, snippet.info) == ("sh", ""):
            lines.append(f'{{\n{snippet.text}}} > "$said/first" 2>&1\ncat "$said/first"')
        elif (snippet.language, snippet.info) == ("sh", "second"):
            lines.append(f'{snippet.text.strip()} > "$said/second" 2>&1 &')
        elif (snippet.language, snippet.info) in (("text", "output"), ("text", "second")):
            where = '"$said/first"' if snippet.info == "output" else '"$said/second" wait'
            lines.append(f"python3 '{SAID}' {where} <<'END_OF_FILE'\n{snippet.text}END_OF_FILE")
        elif snippet.language == "python":
            lines.append(f"python3 - <<'END_OF_FILE'\n{snippet.text}END_OF_FILE")
        elif (snippet.language, snippet.info) == ("js", ""):
            lines.append(f"node --input-type=module - <<'END_OF_FILE'\n{snippet.text}END_OF_FILE")
    return "\n".join(lines)


def free_port() -> int:
    """A port where nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def dev_server() -> Iterator[dict[str, str]]:
    """A running `girih dev --examples`, as the environment of whoever uses it."""
    with tempfile.TemporaryDirectory(prefix="girih-docs-") as folder:
        Path(folder).chmod(0o755)
        workspace = Path(folder) / "empty"
        workspace.mkdir()
        arguments = (str(workspace), "--examples", "--port", "0")
        port = str(free_port())
        site = f"http://127.0.0.1:{port}"
        reach = {
            "GIRIH_ENDPOINTS": json.dumps({"site": site}),
            "GIRIH_SOURCE_FOLDERS": json.dumps([tempfile.gettempdir()]),
        }
        with girih_dev(Path(folder) / "data", *arguments, output=Path(folder) / "out.txt", environment=reach) as dev:
            facts = {name: str(dev.facts[key]) for name, key in NAMES.items()}
            yield facts | {"GIRIH_ENDPOINTS": "{}", "SITE": site, "SITE_PORT": port}


NAMES = {
    "GIRIH_URL": "url",
    "GIRIH_API_KEY": "api_key",
    "GIRIH_DATABASE_URL": "database_url",
    "GIRIH_REDIS_URL": "redis_url",
    "OUTBOX": "outbox",
}
NAMED = re.compile(r"kind: (\S+)\nname: (\S+)\n")
RUNNABLE = [page for page in GUIDES if len(as_script(page)) > len(START)]


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_block_is_of_a_kind_that_is_checked(page: Path) -> None:
    known = {
        ("sh", ""),
        ("sh", "demo"),
        ("sh", "terminal"),
        ("sh", "second"),
        ("text", "output"),
        ("text", "second"),
        ("sh", "setting"),
        ("python", ""),
        ("js", ""),
        ("text", ""),
        ("json", ""),
    }
    odd = [
        s[:2]
        for s in snippets(page)
        if s[:2] not in known and not (s.language == "yaml" and s.info.startswith("file="))
    ]
    assert not odd


def test_no_page_gives_a_name_that_another_gives_to_something_else() -> None:
    """They are tried on one server, in whatever order."""
    given: dict[tuple[str, ...], dict[str, Path]] = {}
    for page in RUNNABLE:
        for snippet in snippets(page):
            named = NAMED.match(snippet.text) if snippet.language == "yaml" else None
            if named:
                given.setdefault(named.groups(), {})[snippet.text] = page
    shared = {what: set(texts.values()) for what, texts in given.items() if len(set(texts.values())) > 1}
    assert not shared


@pytest.mark.apart
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_snippets_run(page: Path, tmp_path: Path, dev_server: dict[str, str]) -> None:
    if any(subprocess.run(["which", tool], capture_output=True, check=False).returncode for tool in TOOLS):
        pytest.skip(f"needs {' and '.join(TOOLS)}")
    if any(snippet[:2] == ("js", "") for snippet in snippets(page)):
        need_clients()
        # Where Node looks for what a script imports.
        (tmp_path / "node_modules").symlink_to(SCRIPTS / "node_modules")
    path = f"{Path(sys.executable).parent}:{NODE.parent}:{os.environ['PATH']}"
    env = {**os.environ, **dev_server, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", as_script(page)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_settings_that_are_named_exist(page: Path) -> None:
    fields = Settings.model_fields.values()
    aliases = {str(choice) for field in fields for choice in getattr(field.validation_alias, "choices", ())}
    known = aliases | {f"GIRIH_{field.upper()}" for field in Settings.model_fields} | {"GIRIH_URL", "GIRIH_API_KEY"}
    known |= set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    text = "\n".join(snippet.text for snippet in snippets(page) if snippet.info == "setting")
    named = set(re.findall(r"export (\w+)=", text)) | set(re.findall(r"GIRIH_[A-Z_]+[A-Z]", page.read_text()))
    assert {one for one in named if not one.startswith("GIRIH_SECRET_")} <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", FENCE.sub("", page.read_text()))
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_json_is_json(page: Path) -> None:
    for snippet in snippets(page):
        if snippet.language == "json":
            json.loads(snippet.text)


def test_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make docs`: {done.stderr}"
