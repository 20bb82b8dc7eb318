"""Trusted issuers on the command line, against a real server and a real provider."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.api.process import ApiProcess, api_process
from tests.cli.conftest import Girih
from tests.providers.oidc.mocked import mocked_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with mocked_provider() as url:
        yield url


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("server")
    with api_process(database_url, folder, GIRIH_ENDPOINTS=json.dumps({"idp": provider})) as api:
        yield api


def test_an_issuer_is_trusted_listed_and_no_longer(girih: Girih, provider: str) -> None:
    assert "no issuer is trusted" in girih("issuers").err
    made = girih("issuers", "trust", provider, "--audience", "app", "--groups-claim", "groups")
    assert (made.code, "the role editor" in made.err) == (0, True), made.err
    assert girih("issuers").out == f"{made.out.strip()}  {provider}  app  editor\n"
    other = girih("issuers", "trust", provider, "--audience", "https://app.example", "--party", "--role", "viewer")
    listed = json.loads(girih("issuers", "--format", "json").out)["issuers"]
    assert [(one["audience_claim"], one["groups_claim"]) for one in listed] == [("azp", None), ("aud", "groups")]
    assert "several audiences" in girih("issuers", "remove", provider).err
    assert girih("issuers", "remove", other.out.strip()).code == 0
    assert girih("issuers", "remove", provider).code == 0
    assert girih("issuers").out == ""


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("trust",), 2, "needs an issuer"),
        (("trust", "https://clerk.example.com"), 2, "for whom"),
        (("trust", "http://169.254.169.254", "--audience", "x"), 1, "not on the public network"),
        (("trust", "x", "--audience", "x"), 1, "no issuer"),
        (("remove", "x"), 1, "not trusted here"),
    ],
)
def test_what_cannot_be_done_is_said(girih: Girih, args: tuple[str, ...], code: int, words: str) -> None:
    done = girih("issuers", *args)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
