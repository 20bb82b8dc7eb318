"""Issuers asked over the guarded client, their keys and their tokens: what is right is taken, every lie is refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.providers.oidc.issuing import (
    CLIENT,
    SECRET,
    Issuing,
    confused,
    issuing,
    keys_of_all_kinds,
    rsa_key,
    unsigned,
)

from girih.errors import Unavailable
from girih.providers.oidc.issuers import LARGEST, Issuer, Issuers
from girih.providers.oidc.provider import TENANT, Identity, Provider, Registration, Request
from girih.providers.oidc.tokens import (
    ALGORITHMS,
    Expected,
    Keys,
    TokenFault,
    check_claims,
    claimed_issuer,
    claims_of,
    header_of,
)
from girih.providers.outbound import OutboundClient


@pytest.fixture
async def provider() -> AsyncIterator[Issuing]:
    async with issuing() as provider:
        yield provider


@pytest.fixture
async def issuers(provider: Issuing) -> AsyncIterator[Issuers]:
    client = OutboundClient([provider.url], max_bytes=LARGEST)
    yield Issuers(client, timeout=0.5, pause=0.2)
    await client.aclose()


async def read(issuers: Issuers, provider: Issuing, token: str) -> dict[str, Any]:
    """What a token says that is believed."""
    claims = claims_of(token, await issuers.key(Issuer(provider.url), token))
    check_claims(claims, Expected(provider.url, CLIENT))
    return claims


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
async def test_tokens_of_every_accepted_kind(issuers: Issuers, provider: Issuing, algorithm: str) -> None:
    keys = keys_of_all_kinds()
    provider.keys, provider.algorithm = [keys[algorithm]], algorithm
    assert (await read(issuers, provider, provider.issue(cat="cl_1")))["sub"] == "u1"
    provider.header = {"cat": "cl_1"}  # a header that only its issuer knows
    assert (await read(issuers, provider, provider.issue()))["aud"] == CLIENT


async def test_an_issuer_is_asked_once_and_again_for_a_key_that_is_not_known(
    issuers: Issuers, provider: Issuing
) -> None:
    for _ in range(3):
        await read(issuers, provider, provider.issue())
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
    old = provider.issue()
    provider.rotate(1)
    for _ in range(5):  # whoever makes up names of keys does not make us ask each time
        with pytest.raises(TokenFault, match="signed with a key that its issuer does not show"):
            await read(issuers, provider, provider.issue())
    assert len(provider.asked) == 2
    issuers._pause = 0
    assert (await read(issuers, provider, provider.issue()))["sub"] == "u1"
    assert len(provider.asked) == 4
    with pytest.raises(TokenFault):
        await read(issuers, provider, old)


async def test_an_issuer_that_is_away_for_a_while(issuers: Issuers, provider: Issuing) -> None:
    token = provider.issue()
    await read(issuers, provider, token)
    known = issuers._known[Issuer(provider.url)]
    known.fetched -= 600
    known.tried -= 600
    provider.silence = 0.8
    assert await read(issuers, provider, token)
    known.fetched -= 3600
    with pytest.raises(Unavailable, match="did not answer within"):
        await read(issuers, provider, token)


def with_jku(provider: Issuing) -> str:
    provider.signer, provider.header = rsa_key(2), {"jku": f"{provider.url}/evil", "kid": "rsa-2"}
    return provider.issue()


def with_its_own_key(provider: Issuing) -> str:
    provider.signer, provider.header = rsa_key(2), {"jwk": rsa_key(2).as_dict(private=False)}
    return provider.issue()


def other_key_same_name(provider: Issuing) -> str:
    provider.signer = rsa_key(2)
    return provider.issue()


def by_claims(**claims: Any) -> Callable[[Issuing], str]:
    def make(provider: Issuing) -> str:
        return provider.issue(**claims)

    return make


def by_header(**header: Any) -> Callable[[Issuing], str]:
    def make(provider: Issuing) -> str:
        provider.header = header
        return provider.issue()

    return make


NOW = int(time.time())
"""When this was loaded, which may be long before it is tried."""
LIES: dict[str, tuple[Callable[[Issuing], str], str]] = {
    "alg none": (lambda provider: unsigned({"iss": provider.url, "aud": CLIENT}), "signed in a way"),
    "HS256 with the public key": (
        lambda provider: confused({"iss": provider.url, "aud": CLIENT}, rsa_key()),
        "signed in a way",
    ),
    "jku": (with_jku, "does not show"),
    "its own key in the header": (with_its_own_key, "signature is not right"),
    "another key of the same name": (other_key_same_name, "signature is not right"),
    "unknown kid": (by_header(kid="nobody"), "does not show"),
    "something critical": (by_header(crit=["kid"]), "not known here"),
    "another issuer": (by_claims(iss="https://evil.example"), "another issuer"),
    "its issuer with a slash": (by_claims(iss=None), "another issuer"),
    "another audience": (by_claims(aud="other"), "another audience"),
    "no audience": (by_claims(aud=None), "another audience"),
    "expired": (by_claims(exp=NOW - 120), "expired"),
    "no end": (by_claims(exp=None), "does not say `exp`"),
    "an end that is no number": (by_claims(exp="tomorrow"), "does not say `exp`"),
    "an end that is true": (by_claims(exp=True), "does not say `exp`"),
    "an end at infinity": (by_claims(exp=float("inf")), "does not say `exp`"),
    "no number at all": (by_claims(exp=float("nan")), "does not say `exp`"),
    "for a year": (by_claims(exp=NOW + 365 * 86_400), "holds for too long"),
    "no beginning": (by_claims(iat=None), "does not say `iat`"),
    "from the future": (by_claims(iat=NOW + 86_400), "from the future"),
    "not yet": (by_claims(nbf=NOW + 86_400), "from the future"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_lies_is_refused_in_words(issuers: Issuers, provider: Issuing, lie: str) -> None:
    make, words = LIES[lie]
    token = make(provider)
    with pytest.raises(TokenFault, match=words) as refusal:
        await read(issuers, provider, token)
    assert token not in str(refusal.value)
    assert "/evil" not in provider.asked


async def test_clocks_may_differ_a_little(issuers: Issuers, provider: Issuing) -> None:
    now = int(time.time())
    assert await read(issuers, provider, provider.issue(exp=now - 30))
    assert await read(issuers, provider, provider.issue(iat=now + 30, nbf=now + 30))


DESCRIPTIONS: dict[str, tuple[Callable[[Issuing], None], str]] = {
    "another issuer": (lambda one: one.description.update(issuer="https://evil.example"), "describes another issuer"),
    "with a slash": (lambda one: one.description.update(issuer=f"{one.url}/"), "describes another issuer"),
    "moved": (lambda one: setattr(one, "moved", f"{one.url}/elsewhere"), "redirect"),
    "10 MB of keys": (lambda one: setattr(one, "padding", 10_000_000), "larger than"),
    "slow": (lambda one: setattr(one, "silence", 0.8), "did not answer within"),
    "no keys": (lambda one: setattr(one, "keys", []), "shows no key"),
    "a shared secret": (lambda one: setattr(one, "keys", [OctKey.generate_key(256)]), "shows no key"),
    "keys elsewhere, inside": (
        lambda one: one.description.update(jwks_uri="http://169.254.169.254/keys"),
        "not on the public network",
    ),
    "keys in a file": (lambda one: one.description.update(jwks_uri="file:///etc/passwd"), "no usable `jwks_uri`"),
    "no token endpoint": (lambda one: one.description.update(token_endpoint=None), "no usable `token_endpoint`"),
}


@pytest.mark.parametrize("lie", DESCRIPTIONS)
async def test_an_issuer_that_lies_is_refused_in_words(issuers: Issuers, provider: Issuing, lie: str) -> None:
    set_it, words = DESCRIPTIONS[lie]
    set_it(provider)
    for _ in range(2):
        with pytest.raises(Unavailable, match=words):
            await issuers.description(Issuer(provider.url))
    assert provider.asked.count("/.well-known/openid-configuration") == 1


async def test_issuers_inside_are_out_of_reach_unless_the_operator_says_so(provider: Issuing) -> None:
    client = OutboundClient(max_bytes=LARGEST)
    with pytest.raises(Unavailable, match="not on the public network"):
        await Issuers(client).description(Issuer(provider.url))
    assert provider.asked == []
    await client.aclose()


def test_keys_that_are_none_are_left_out() -> None:
    weak = {**RSAKey.import_key(rsa_key().as_pem()).as_dict(private=False), "n": "AQAB"}
    curve = ECKey.generate_key("P-384", {"kid": "c"}).as_dict(private=False)
    good = rsa_key().as_dict(private=False)
    shown = [weak, {**good, "use": "enc"}, {"kty": "RSA"}, {"kty": ["RSA"]}, 7, None, good, curve]
    keys = Keys({"keys": shown})
    assert len(keys) == 2
    assert keys.fitting({"alg": "RS256", "kid": "rsa-0"}) is not None
    assert keys.fitting({"alg": "RS256"}) is not None
    assert keys.fitting({"alg": "HS256", "kid": "rsa-0"}) is None
    assert Keys({"keys": [good, {**good, "kid": "other"}]}).fitting({"alg": "RS256"}) is None
    assert Keys({"keys": [{**good, "alg": "PS256"}]}).fitting({"alg": "RS256", "kid": "rsa-0"}) is None
    for nothing in (None, [], {"keys": 1}, {"keys": None}):
        assert len(Keys(nothing)) == 0


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_=-]{0,30}\.[A-Za-z0-9_=-]{0,30}\.[A-Za-z0-9_-]{0,8}"))
def test_garbage_is_no_token(text: str) -> None:
    with pytest.raises(TokenFault):
        header_of(text)
    assert claimed_issuer(text) is None


async def test_an_issuer_with_a_place_for_the_tenant(issuers: Issuers, provider: Issuing) -> None:
    name = f"{provider.url}/{TENANT}/v2.0"
    provider.description = {"issuer": name}
    one = Registration("entra", "Microsoft", Issuer(name, provider.url), CLIENT, SECRET, tenants=("a", "b"))
    microsoft = Provider(one, issuers._client, issuers, "https://girih.test/back")
    request = Request("s", "n", "v" * 43)

    async def signed_in(**claims: str) -> Identity:
        provider.user = {"email": "ann@example.com", **claims}
        code = parse_qs(urlsplit(provider.authorized(asked(await microsoft.address(request)))).query)["code"][0]
        return await microsoft.identity(code, request)

    found = await signed_in(iss=f"{provider.url}/a/v2.0", tid="a")
    assert (found.issuer, found.email) == (f"{provider.url}/a/v2.0", None)
    microsoft.registration = replace(one, emails_verified=True)
    assert (await signed_in(iss=f"{provider.url}/b/v2.0", tid="b")).email == "ann@example.com"
    for claims, words in (
        ({"iss": f"{provider.url}/c/v2.0", "tid": "c"}, "tenant that is not allowed"),
        ({"iss": f"{provider.url}/a/v2.0"}, "tenant that is not allowed"),
        ({"iss": f"{provider.url}/a/v2.0", "tid": "b"}, "another issuer"),
        ({"iss": name, "tid": "a"}, "another issuer"),
    ):
        with pytest.raises(TokenFault, match=words):
            await signed_in(**claims)


def asked(address: str) -> dict[str, str]:
    """What stands in the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
