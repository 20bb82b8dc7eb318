"""A master key in AWS KMS, against a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import make_scope
from tests.providers.aws_server import aws_server
from tests.services.secrets.conftest import THERE as CRM
from tests.services.secrets.conftest import make_service

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.aws import AwsWrapper, _made
from girih.providers.keys.base import MasterKeys, WrongKey
from girih.providers.keys.opening import open_wrapper

HERE, THERE = {"place": "here"}, {"place": "there"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with aws_server() as address:
        yield address


@pytest.fixture(autouse=True)
def account(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_KMS": server,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-real-one",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


async def made(alias: str) -> AwsWrapper:
    """A key with that alias, made through the same library and the same way."""
    wrapper = AwsWrapper(alias)
    key = (await wrapper._asked("create_key", {}))["KeyMetadata"]["KeyId"]
    await wrapper._asked("create_alias", {"AliasName": alias, "TargetKeyId": key})
    return wrapper


async def test_a_key_unwraps_in_its_context_alone() -> None:
    wrapper = await made("alias/context")
    wrapped = await wrapper.wrap(b"k" * 32, HERE)
    assert b"k" * 32 not in wrapped
    assert await wrapper.unwrap(wrapped, HERE) == b"k" * 32
    for broken, context in ((wrapped, THERE), (wrapped[:-1] + b"?", HERE)):
        with pytest.raises(WrongKey, match="alias/context"):
            await wrapper.unwrap(broken, context)


async def test_a_key_that_is_not_there_is_said_without_a_word_of_the_library() -> None:
    with pytest.raises(Unavailable, match="alias/nothing cannot be used: there is no such key"):
        await AwsWrapper("alias/nothing").wrap(b"k" * 32, HERE)


async def test_a_service_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="cannot be asked"):
        await AwsWrapper("alias/x").wrap(b"k" * 32, HERE)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Unavailable, match="cannot be asked from here") as failed:
        await AwsWrapper("alias/x").wrap(b"k" * 32, HERE)
    assert "AWS_REGION" in str(failed.value.help)


async def test_secrets_are_kept_under_it(uow_apart: UnitOfWork) -> None:
    scope = await make_scope(uow_apart)
    masters = MasterKeys(await made("alias/secrets"))
    await make_service(uow_apart, masters).put(scope, "crm.key", "canary")
    again = open_wrapper("aws-kms:alias/secrets", "", "")
    assert again is not None and again.id == masters.current.id
    assert await make_service(uow_apart, MasterKeys(again)).value(scope, "crm.key", CRM) == "canary"
    with pytest.raises(InvalidInput, match="names none"):
        open_wrapper("aws-kms:", "", "")


def test_the_library_opens_no_connection_of_its_own(server: str) -> None:
    client = _made()
    with pytest.raises(LookupError):  # there is no way to send but the guard's
        client.list_keys()
