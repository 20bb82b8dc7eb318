"""Tests as a gate, signatures and bundles on the command line, against a real server that signs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.process import ApiProcess, api_process
from tests.cli.conftest import Girih

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.signing.keys import SigningKey
from girih.services.identity.service import IdentityService

PEM = SigningKey.made().pem()
GREET = """\
kind: graph/v1
name: greet
inputs: { name: string }
use: { m: model://small }
nodes:
  a: { llm: m, prompt: "Greet ${ inputs.name }", next: $end }
outputs: { text: "${ a.text }" }
tests:
  - name: it answers
    given: { name: Ada }
    expect:
      path: [a]
"""
TOO_MUCH = GREET.replace("      path: [a]\n", "      path: [a]\n      output: text == 'never this'\n").replace(
    "Greet $", "Please greet $"
)


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("signing")
    (folder / "signing-key.pem").write_text(PEM)
    with api_process(database_url, folder, GIRIH_SIGNING_KEY=str(folder / "signing-key.pem")) as api:
        yield api


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "greet.yaml").write_text(GREET)
    (folder / "small.yaml").write_text("kind: model/v1\nname: small\nprovider: demo\n")
    return folder


def test_a_failing_test_refuses_until_it_is_forced_and_the_version_says_so(girih: Girih, desk: Path) -> None:
    assert girih("apply", str(desk)).code == 0
    assert girih("versions", "greet").out.rstrip().endswith("(1 test)")
    (desk / "greet.yaml").write_text(TOO_MUCH)
    line = TOO_MUCH.splitlines().index("      output: text == 'never this'") + 1
    for refused in (girih("apply", str(desk)), girih("plan", str(desk)), girih("apply", str(desk), "--dry-run")):
        assert refused.code == 1
        assert f"greet.yaml:{line}:" in refused.err
        assert "test 'it answers' of 'greet': expect.output: `text == 'never this'` does not hold" in refused.err
    told = json.loads(girih("apply", str(desk), "--format", "json").out)
    assert [(found["code"], found["line"]) for found in told["diagnostics"]] == [("failed_test", line)]
    assert f"file=greet.yaml,line={line}" in girih("plan", str(desk), "--format", "github").out
    assert len(girih("versions", "greet").out.splitlines()) == 1
    assert girih("apply", str(desk), "--force-tests").code == 0
    newest = girih("versions", "greet").out.splitlines()[0]
    assert newest.endswith("(published although tests failed)")
    one = girih("versions", "greet@latest").out
    assert "1 failed; published all the same" in one
    assert "! test 'it answers': expect.output" in one


def test_what_was_recorded_is_sent_along(girih: Girih, desk: Path) -> None:
    graph = GREET.replace("model://small", "model://big")
    (desk / "greet.yaml").write_text(graph)
    (desk / "big.yaml").write_text("kind: model/v1\nname: big\nprovider: openai\nmodel: gpt-5\n")
    refused = girih("apply", str(desk))
    assert refused.code == 1
    assert "this node asks the model 'big'" in refused.err
    # A tape of the demo model is as good as one of any other.
    (desk / "big.yaml").write_text("kind: model/v1\nname: big\nprovider: demo\n")
    assert girih("test", str(desk), "--record").code == 0
    (desk / "big.yaml").write_text("kind: model/v1\nname: big\nprovider: openai\nmodel: gpt-5\n")
    assert girih("apply", str(desk)).code == 0


def test_a_version_is_verified_here_and_offline(
    girih: Girih, desk: Path, monkeypatch: pytest.MonkeyPatch, server: ApiProcess
) -> None:
    assert girih("apply", str(desk)).code == 0
    verified = girih("verify", "greet@1.0.0")
    assert (verified.code, verified.err) == (0, "greet@1.0.0 holds\n")
    Path("keys.json").write_text(girih("signing-keys").out)
    assert json.loads(Path("keys.json").read_text())["current"] == SigningKey.from_pem(PEM).public.kid
    assert girih("bundle", "export", "greet", "--out", "greet.girih").code == 0

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a file is checked without a network")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", no_network)
        patch.delenv("GIRIH_URL")
        held = girih("verify", "greet.girih", "--keys", "keys.json")
        assert (held.code, held.err) == (0, "greet@1.0.0 holds\n")
        data = Path("greet.girih").read_bytes()
        Path("bad.girih").write_bytes(data.replace(b"Greet", b"Trick"))
        bad = girih("verify", "bad.girih", "--keys", "keys.json")
        assert bad.code == 1
        assert "the file agents/greet/1.0.0/graph.yaml is not as it was written" in bad.err
        Path("none.json").write_text('{"keys": []}')
        unknown = girih("verify", "greet.girih", "--keys", "none.json", "--format", "json")
        assert unknown.code == 1
        assert [one["standing"] for one in json.loads(unknown.out)["versions"]] == ["unknown"]
        assert girih("verify", "greet.girih").code == 2
        assert girih("verify", "greet.girih", "--keys", "bad.girih").code == 2
    assert girih("verify", "greet@9.9.9").code == 1
    gone = girih("verify", "./greet.bundle")
    assert (gone.code, "there is no file" in gone.err) == (2, True)


async def test_a_bundle_goes_into_another_project(
    girih: Girih, desk: Path, uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert girih("apply", str(desk)).code == 0
    assert girih("bundle", "export", "greet@1.0.0").code == 0
    assert Path("greet-1.0.0.girih").is_file()
    identity = IdentityService(uow)
    away: OrgScope = (await identity.bootstrap(f"away-{SigningKey.made().public.kid[:12]}", "main")).scope
    monkeypatch.setenv("GIRIH_API_KEY", (await identity.create_key(away, "cli", away.permissions)).key)
    tried = girih("bundle", "import", "greet-1.0.0.girih", "--dry-run")
    assert (tried.code, tried.err) == (0, "greet@1.0.0 could be imported\n")
    assert girih("versions", "greet").code == 1
    done = girih("bundle", "import", "greet-1.0.0.girih")
    assert (done.code, done.err) == (0, "greet@1.0.0 is here\n")
    assert done.out.splitlines() == ["create     model/v1       small", "create     graph/v1       greet  1.0.0"]
    assert "imported" in girih("versions", "greet@1.0.0").out
    assert girih("verify", "greet@1.0.0").code == 0
    (desk / "greet.yaml").write_text(GREET.replace("Greet $", "Please greet $"))
    Path("bad.girih").write_bytes(Path("greet-1.0.0.girih").read_bytes()[:-1])
    assert "this is not a bundle, or it was changed" in girih("bundle", "import", "bad.girih").err
    assert girih("bundle", "import", "no.girih").code == 2
