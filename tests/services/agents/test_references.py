"""How versions are spoken of."""

from __future__ import annotations

import pytest

from girih.errors import InvalidInput
from girih.services.agents.references import Reference, check_movable, parse_reference

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("triage", Reference("triage", "alias", "latest")),
        ("team.triage-2@prod", Reference("team.triage-2", "alias", "prod")),
        ("triage@1.20.3", Reference("triage", "version", "1.20.3")),
        ("triage@^1", Reference("triage", "range", "^1")),
        ("triage@~1.20", Reference("triage", "range", "~1.20")),
        ("triage@1.2", Reference("triage", "range", "1.2")),
        (f"triage@{DIGEST}", Reference("triage", "digest", DIGEST)),
    ],
)
def test_references_are_read(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "@prod",
            "Triage",
            "triage@",
            "triage@@",
            "triage@1.2.",
            "triage@01.2.3",
            "triage@^",
            "triage@>=1",
            "triage@sha256:abc",
            "a b",
        ),
        *("a/../b", "triage@prod@2", "triage\n", "triage@prod\n", "triage@1.2.9999999999"),
        *("x" * 65, "triage@" + "a" * 65),
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_reference(text)
    assert caught.value.help


@pytest.mark.parametrize("alias", ["latest", "", "1.0.0", "Prod", "pro d", "sha256:x"])
def test_some_aliases_cannot_be_set(alias: str) -> None:
    with pytest.raises(InvalidInput):
        check_movable(alias)
