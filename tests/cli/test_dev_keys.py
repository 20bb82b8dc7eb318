"""The keys that `girih dev` makes for its own server: once, for nobody else to read."""

from __future__ import annotations

from pathlib import Path

from girih.cli.dev_keys import own_keys
from girih.providers.signing.keys import SigningKey


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    named = own_keys(tmp_path, {})
    files = [Path(path) for path in named.values()]
    assert "GIRIH_SIGNING_KEY" in named
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    kept = [file.read_text() for file in files]
    assert own_keys(tmp_path, {}) == named
    assert [file.read_text() for file in files] == kept
    assert SigningKey.from_pem((tmp_path / "signing-key.pem").read_text()).public.kid


def test_what_the_environment_sets_stays(tmp_path: Path) -> None:
    assert "GIRIH_SIGNING_KEY" not in own_keys(tmp_path, {"GIRIH_SIGNING_KEY": "/etc/girih/key.pem"})
    assert not (tmp_path / "signing-key.pem").exists()
