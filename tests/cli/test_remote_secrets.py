"""Secrets on the command line, against a real server: values come from everywhere but arguments, and never back."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from tests.api.process import MASTER_KEY
from tests.cli.conftest import Girih


def test_a_secret_from_standard_input_a_file_and_a_variable(
    girih: Girih, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "has stored no secret" in girih("secrets").err
    monkeypatch.setattr(sys, "stdin", io.StringIO("canary-in\n"))
    made = girih("secrets", "set", "crm.key")
    assert (made.code, made.out) == (0, "") and "version 1" in made.err
    (tmp_path / "value").write_text("canary-file\n")
    assert "version 2" in girih("secrets", "set", "crm.key", "--from-file", str(tmp_path / "value")).err
    monkeypatch.setenv("CRM", "canary-variable")
    assert "version 3" in girih("secrets", "set", "crm.key", "--from-env", "CRM").err
    listed, shown = girih("secrets", "list"), girih("secrets", "--format", "json")
    assert "crm.key  v3  set" in listed.out and "never used  nothing names it" in listed.out
    assert json.loads(shown.out)["secrets"][0]["version"] == 3
    assert "canary" not in made.err + listed.out + shown.out
    done = girih("secrets", "delete", "crm.key")
    assert (done.code, done.out) == (0, "")
    assert girih("secrets", "delete", "crm.key").code == 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("set",), 2, "needs the name of a secret"),
        (("set", "x", "--from-env", "NOT_SET_HERE"), 2, "NOT_SET_HERE is not set"),
        (("set", "x", "--from-file", "/nowhere"), 2, "cannot be read"),
        (("set", "x", "--from-file", "/nowhere", "--from-env", "X"), 2, "exclude each other"),
        (("set", "Not A Name"), 1, "a secret's name is made of"),
        (("set", "x"), 1, "is empty"),
        (("rotate",), 2, "--master or --data"),
        (("rotate", "--master", "--data"), 2, "--master or --data"),
    ],
)
def test_what_cannot_be_done_is_said(
    girih: Girih, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("value" if "Not A Name" in args else "\n"))
    done = girih("secrets", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_keys_are_rotated_on_the_database_itself(
    girih: Girih, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("value"))
    assert girih("secrets", "set", "crm.key").code == 0
    monkeypatch.setenv("GIRIH_DATABASE_URL", database_url)
    without = girih("secrets", "rotate", "--data")
    assert without.code == 4 and "has no master key" in without.err
    monkeypatch.setenv("GIRIH_MASTER_KEY", MASTER_KEY)
    assert "a new data key" in girih("secrets", "rotate", "--data").err
    assert "all were so already" in girih("secrets", "rotate", "--master").err
    monkeypatch.setenv("GIRIH_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    refused = girih("secrets", "rotate", "--master")
    assert refused.code == 4 and "is not the key that the secrets here are encrypted under" in refused.err
