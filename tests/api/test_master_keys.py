"""Master keys as operators set them: what is refused, and in which words."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.api.conftest import settings_for
from tests.conftest import make_scope
from tests.services.secrets.conftest import make_service, new_master

from girih.cli.doctor_checks import Surroundings
from girih.cli.doctor_keys import key_check
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import GirihError, InvalidInput, Unavailable
from girih.providers.keys.base import MasterKeys
from girih.providers.keys.local import local_wrapper, new_master_key
from girih.services.secrets import key_repository
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.rotation import Rotation
from girih.wiring.master_keys import master_keys_of, require_right_keys
from girih.wiring.server import open_girih

SHORT = base64.b64encode(b"short").decode()
GOOD = new_master_key()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"master_key": SHORT}, "GIRIH_MASTER_KEY holds 5 bytes, and a master key has 32"),
        ({"master_key": "not base64!"}, "GIRIH_MASTER_KEY is not base64"),
        ({"master_key": base64.b64encode(bytes(32)).decode()}, "GIRIH_MASTER_KEY is not random"),
        ({"master_key": base64.b64encode(b"changeme" * 4).decode()}, "GIRIH_MASTER_KEY is not random"),
        ({"master_key": GOOD, "master_key_file": "/nowhere"}, "both set"),
        ({"master_key_file": "/nowhere"}, "GIRIH_MASTER_KEY_FILE names cannot be read"),
        ({"master_key": GOOD, "former_master_keys": [SHORT]}, "GIRIH_FORMER_MASTER_KEYS holds 5 bytes"),
        ({"former_master_keys": [GOOD]}, "GIRIH_MASTER_KEY is not"),
        ({"production": True}, "GIRIH_MASTER_KEY is not set"),
        ({"master_key": "vault:transit/girih"}, "GIRIH_VAULT_URL"),
    ],
)
async def test_keys_that_cannot_work_are_refused_at_start(
    database_url: str, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    given = settings_for(database_url, tmp_path, **{"master_key": ""} | settings)
    with pytest.raises(InvalidInput, match=words) as refused:
        async with open_girih(given):
            raise AssertionError("it opened")
    assert SHORT not in refused.value.message + str(refused.value.help)


def test_a_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(GOOD + "\n")
    expected = local_wrapper(GOOD, "").id
    for settings in ({"master_key": GOOD}, {"master_key": "", "master_key_file": tmp_path / "key"}):
        found = master_keys_of(settings_for("", tmp_path, production=True, **settings))
        assert found is not None and found.current.id == expected
        assert GOOD not in repr(found)
    assert master_keys_of(settings_for("", tmp_path, master_key="")) is None


async def test_a_wrong_master_key_is_no_start(uow_apart: UnitOfWork) -> None:
    right = new_master()
    await require_right_keys(uow_apart, MasterKeys(new_master()))
    scope = await make_scope(uow_apart)
    await make_service(uow_apart, MasterKeys(right)).put(scope, "crm.key", "value")
    with pytest.raises(
        Unavailable, match=f"is not the key that the secrets here are encrypted under, which is {right.id}"
    ):
        await require_right_keys(uow_apart, MasterKeys(new_master()))
    await require_right_keys(uow_apart, MasterKeys(new_master(), [right]))
    await require_right_keys(uow_apart, None)

    class Pretending:
        """Has the name of the right key."""

        id, kind = right.id, "a pretender"

        async def wrap(self, key: bytes, context: object) -> bytes:
            return key

        async def unwrap(self, wrapped: bytes, context: Any) -> bytes:
            return await new_master().unwrap(wrapped, context)

    with pytest.raises(GirihError, match="does not open with its master key"):
        await require_right_keys(uow_apart, MasterKeys(Pretending()))


async def test_doctor_says_what_is_in_use_and_what_is_still_needed(
    uow_apart: UnitOfWork, database_apart: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def said(url: str = database_apart, server: str = "", **settings: str) -> str:
        for name in ("GIRIH_MASTER_KEY", "GIRIH_FORMER_MASTER_KEYS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(f"GIRIH_{name.upper()}", value)
        found = await asyncio.to_thread(key_check, Surroundings(server, "", url, ""))
        return f"{found.status}: {found.message}"

    monkeypatch.chdir(tmp_path)
    async with uow_apart.reading_for("keys") as work:
        for org_id in await key_repository.organizations(work):
            async with uow_apart(OrgScope(org_id, org_id)) as own:
                await own.session.execute(text("DELETE FROM data_keys"))
    former = new_master_key()
    names = [local_wrapper(key, "").id for key in (GOOD, former)]
    await make_service(uow_apart, MasterKeys(local_wrapper(former, ""))).put(await make_scope(uow_apart), "a", "value")
    assert await said("") == "warning: secrets cannot be stored: GIRIH_MASTER_KEY is not set"
    elsewhere = "skipped: the server's master key is not known here (GIRIH_MASTER_KEY)"
    assert await said("", server="https://girih.example") == elsewhere
    assert await said() == f"skipped: they are encrypted under {names[1]}, which is not set here"
    assert await said(master_key=SHORT) == "failed: GIRIH_MASTER_KEY holds 5 bytes, and a master key has 32"
    assert await said(master_key=GOOD) == f"failed: some are encrypted under {names[1]}, which is not set"
    both = {"master_key": GOOD, "former_master_keys": json.dumps([former])}
    under = f"encrypted under {names[0]} (a key that the process holds)"
    assert await said(**both) == f"warning: {under}; 1 data keys are still under {names[1]}"
    masters = MasterKeys(local_wrapper(GOOD, ""), [local_wrapper(former, "")])
    assert await Rotation(uow_apart, KeyRing(uow_apart, masters), ()).master() == 1
    assert await said(**both) == f"ok: {under}; no former master key is needed any more"
    assert await said(master_key=GOOD) == f"ok: {under}"
