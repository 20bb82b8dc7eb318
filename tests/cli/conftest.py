"""A real server process and a fresh organization on it, for the commands that talk to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api.process import ApiProcess, api_process

from girih.cli import app
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService


@dataclass
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Girih = Callable[..., Done]


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(database_url, tmp_path_factory.mktemp("server"), GIRIH_MAX_UPLOAD_MB="1") as api:
        yield api


@pytest.fixture
async def key(uow: UnitOfWork, scope: OrgScope) -> str:
    """A key of this test's own organization."""
    return (await IdentityService(uow).create_key(scope, "cli", scope.permissions)).key


@pytest.fixture
async def other_key(uow: UnitOfWork, scope: OrgScope) -> str:
    """Somebody else's key of the same organization."""
    return (await IdentityService(uow).create_key(scope, "other", scope.permissions)).key


@pytest.fixture
def girih(
    server: ApiProcess,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Girih:
    """Runs `girih ARGS…` against the server, in an empty folder."""
    monkeypatch.setenv("GIRIH_URL", server.url)
    monkeypatch.setenv("GIRIH_API_KEY", key)
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> Done:
        capfd.readouterr()
        code = app.run(args)
        said = capfd.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with a graph, a slow graph, one that fails, and a collection."""
    folder = tmp_path / "specs"
    folder.mkdir()
    for name, text in SPECS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def published(girih: Girih, workspace: Path) -> Path:
    """The workspace, published."""
    done = girih("apply", str(workspace))
    assert done.code == 0, done.err
    return workspace


SPECS = {
    "hello.yaml": """\
kind: graph/v1
name: hello
inputs:
  question: { type: string, minLength: 1 }
  times: { type: integer, default: 1 }
use: { model: model://demo }
nodes:
  answer:
    llm: model
    prompt: "${ inputs.question }"
    params: { tokens: 12 }
    next: $end
outputs: { text: "${ answer.text }" }
""",
    "slow.yaml": """\
kind: graph/v1
name: slow
inputs: { question: string }
use: { model: model://demo }
nodes:
  answer:
    llm: model
    prompt: "${ inputs.question }"
    params: { tokens: 60, delay_ms: 50 }
    next: $end
outputs: { text: "${ answer.text }" }
""",
    "fails.yaml": """\
kind: graph/v1
name: fails
inputs: { question: string }
nodes:
  stop: { set: { text: "${ inputs.question }" }, next: $fail }
outputs: { text: "${ stop.text }" }
""",
    "shelf.yaml": """\
kind: collection/v1
name: shelf
description: Books
embedder: hashing
""",
}
