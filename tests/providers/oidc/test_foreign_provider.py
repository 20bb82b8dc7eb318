"""A provider that others have written (`oidc-provider-mock`, on Authlib): whole sign-ins, through its own form."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.providers.oidc.mocked import mocked_provider

from girih.providers.oidc.issuers import LARGEST, Issuer, Issuers
from girih.providers.oidc.provider import Provider, Registration, Request
from girih.providers.oidc.tokens import TokenFault
from girih.providers.outbound import OutboundClient

CALLBACK = "http://girih.test/v1/auth/oidc/mock/callback"
REQUEST = Request("the state", "the nonce", "v" * 43)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with mocked_provider() as url:
        yield url


async def signed_in(provider: Provider, **form: str) -> httpx.URL:
    """What its form leads to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        address = await provider.address(REQUEST)
        assert (await browser.get(address)).status_code == 200
        return httpx.URL((await browser.post(address, data=form)).headers["location"])


async def test_somebody_signs_in_there(url: str) -> None:
    client = OutboundClient([url], max_bytes=LARGEST)
    registration = Registration("mock", "Mock", Issuer(url), "girih", "a secret")
    provider = Provider(registration, client, Issuers(client), CALLBACK)
    back = await signed_in(provider, sub="ann")
    assert str(back).startswith(CALLBACK) and back.params["state"] == REQUEST.state
    identity = await provider.identity(back.params["code"], REQUEST)
    assert (identity.issuer, identity.subject) == (url, "ann")
    assert (identity.email, identity.name) == ("ann@example.com", "Ann")
    with pytest.raises(TokenFault, match="no token was given"):
        await provider.identity(back.params["code"], REQUEST)
    other = (await signed_in(provider, sub="bob")).params["code"]
    with pytest.raises(TokenFault, match="another sign-in"):
        await provider.identity(other, Request("s", "another nonce", REQUEST.verifier))
    back = await signed_in(provider, action="deny")
    assert back.params["error"] == "access_denied"
    await client.aclose()
