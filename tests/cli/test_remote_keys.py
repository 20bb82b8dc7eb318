"""API keys on the command line, against a real server: shown once, limited, replaced, ended."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import Girih


def test_a_key_is_made_listed_replaced_and_ended(girih: Girih) -> None:
    limits = ("--agent", "mail-*", "--network", "192.0.2.0/24", "--days", "30", "--per-minute", "600")
    made = girih("keys", "create", "ci", "--scope", "run", "--permission", "usage:read", *limits, "--runs-at-once", "5")
    assert made.code == 0 and made.out.startswith("girih_live_") and made.out.count("\n") == 1
    assert "mail-*; from 192.0.2.0/24; 600 requests a minute; 5 runs at once" in made.err
    listed = girih("keys")
    assert "ci  until " in listed.out and "never used  mail-*" in listed.out and made.out.strip() not in listed.out
    turned = json.loads(girih("keys", "rotate", "ci", "--overlap", "0", "--format", "json").out)
    assert turned["agents"] == ["mail-*"] and "usage:read" in turned["permissions"] and turned["key"]
    known = {one["id"]: one for one in json.loads(girih("keys", "--format", "json").out)["keys"]}
    assert turned["id"] in known and "key" not in known[turned["id"]]
    assert "is revoked" in girih("keys", "revoke", turned["id"]).err
    assert "ci  revoked" in girih("keys").out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("create",), 2, "needs a name"),
        (("create", "x"), 1, "at least one permission"),
        (("create", "x", "--scope", "everything"), 1, "scopes"),
        (("create", "x", "--scope", "run", "--agent", "*"), 1, "every agent"),
        (("create", "x", "--scope", "run", "--project", "nowhere"), 1, "no project"),
        (("revoke", "nobody"), 1, "no key that holds is called nobody"),
    ],
)
def test_what_cannot_be_done_is_said(girih: Girih, args: tuple[str, ...], code: int, words: str) -> None:
    done = girih("keys", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
