"""The secrets of sources: asked for by name, sent where they belong, and in no failure that a source makes of them."""

from __future__ import annotations

import pytest
from tests.providers.loaders.listing import SOURCE, listed, reach
from tests.providers.servers import Asked, says, serving

from girih.errors import DatabaseUnavailable, Unavailable
from girih.providers.credentials import Destination
from girih.providers.loaders.base import Item, ItemFault, Page, SourceFault
from girih.providers.loaders.opening import open_loader
from girih.providers.loaders.veiled import Veiled
from girih.providers.veil import Veil


async def test_a_source_is_opened_with_the_secrets_of_its_project() -> None:
    asked: list[str] = []

    async def ask(name: str, to: Destination) -> str | None:
        asked.append(name)
        return "canary-7f31" if name == "docs.token" else None

    async with serving(says(200, b"<p>Hello.</p>")) as server:
        at = reach({"docs": server.url})
        options = {"kind": "web", "endpoint": "docs", "urls": [f"{server.url}/a"], "token": "secret://docs.token"}
        source = SOURCE.validate_python(options)
        known = await at.with_secrets(source, ask)
        (item,) = await listed(opened := open_loader(source, known, {}, whole=True))
        async with opened.fetch(item, None) as content:
            assert b"Hello" in b"".join([piece async for piece in content.pieces])
        heard: Asked = server.asked[-1]
        await at.client.aclose()
    assert heard.headers["authorization"] == "Bearer canary-7f31"
    assert asked == ["docs.token"] and "canary" not in repr(opened)
    with pytest.raises(SourceFault, match=r"'docs\.token' is not set") as missing:
        open_loader(source, at, {}, whole=True)
    assert "girih secrets set docs.token" in str(missing.value.help)


@pytest.mark.parametrize(
    ("fault", "raised"), [(Unavailable("no key"), SourceFault), (DatabaseUnavailable("away"), None)]
)
async def test_what_cannot_be_decrypted_now_may_be_later(fault: Unavailable, raised: type[Exception] | None) -> None:
    async def ask(name: str, to: Destination) -> str | None:
        raise fault

    source = SOURCE.validate_python(
        {"kind": "sql", "endpoint": "shop", "user": "u", "password": "secret://x", "statement": "SELECT 1", "key": "id"}
    )
    with pytest.raises(raised or DatabaseUnavailable) as caught:
        await reach({"shop": "postgresql://127.0.0.1/x"}).with_secrets(source, ask)
    assert raised is None or (isinstance(caught.value, SourceFault) and caught.value.can_pass)


class Telling:
    """A source that echoes what it was shown."""

    is_whole = True

    async def pages(self, after: str | None):  # type: ignore[no-untyped-def]
        yield Page(())
        raise SourceFault("password canary-7f31 is wrong", help="not canary-7f31", can_pass=True)

    def fetch(self, item: Item, known: str | None):  # type: ignore[no-untyped-def]
        raise ItemFault("no canary-7f31 here")


async def test_failures_hide_what_a_source_echoes() -> None:
    source = Veiled(Telling(), Veil({"shop.password": "canary-7f31"}))
    with pytest.raises(SourceFault) as failed:
        await listed(source)
    assert (failed.value.message, failed.value.help, failed.value.can_pass) == (
        "password [secret shop.password] is wrong",
        "not [secret shop.password]",
        True,
    )
    assert "canary" not in str(failed.value)
    with pytest.raises(ItemFault, match=r"no \[secret shop\.password\] here"):
        async with source.fetch(Item("a", "a"), None):
            pass
