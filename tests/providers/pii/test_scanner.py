"""The scanner finds personal data of several countries, and leaves alone what only looks like it."""

from __future__ import annotations

import itertools

import pytest

from girih.errors import NodeError
from girih.language.nodes.guard import PII_KINDS
from girih.providers.pii import scanner
from girih.providers.pii.scanner import PiiScanner

# Text → what is in it, as (kind, the very characters). All of it is made up or from the issuers' own examples.
TEXTS: dict[str, list[tuple[str, str]]] = {
    "Write to anna.muster+shop@example.co.uk, please.": [("email", "anna.muster+shop@example.co.uk")],
    "Schreib an jörg.müller@büro.example!": [("email", "jörg.müller@büro.example")],
    "Mail: <a@b.io>; o'neil@example.org": [("email", "a@b.io"), ("email", "o'neil@example.org")],
    "+49 171 1234567 oder +44 20 7946 0958": [("phone", "+49 171 1234567"), ("phone", "+44 20 7946 0958")],
    "Ruf mich an: 0171 1234567.": [("phone", "0171 1234567")],
    "Call me at (212) 555-0123 tomorrow": [("phone", "(212) 555-0123")],
    "Mon téléphone : 01 42 68 53 00": [("phone", "01 42 68 53 00")],
    "Mi móvil es 612 345 678, gracias": [("phone", "612 345 678")],
    "WhatsApp 0049 30 901820": [("phone", "0049 30 901820")],
    "携帯電話 090-1234-5678": [("phone", "090-1234-5678")],
    "Mobile +91 98765 43210 now": [("phone", "+91 98765 43210")],
    "IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF": [("iban", "DE89 3704 0044 0532 0130 00")],
    "fr1420041010050500013m02606 is the account": [("iban", "fr1420041010050500013m02606")],
    "GB29NWBK60161331926819 and NL91ABNA0417164300": [
        ("iban", "GB29NWBK60161331926819"),
        ("iban", "NL91ABNA0417164300"),
    ],
    "card 4111 1111 1111 1111 exp 12/29": [("card", "4111 1111 1111 1111")],
    "5555-5555-5555-4444, 378282246310005": [("card", "5555-5555-5555-4444"), ("card", "378282246310005")],
    "2 pieces: 12 4111 1111 1111 1111": [("card", "4111 1111 1111 1111")],
    "My SSN is 123-45-6789.": [("ssn", "123-45-6789")],
    "social security number 123456789": [("ssn", "123456789")],
    "DNI 12345678Z, NIE X1234567L": [("national_id", "12345678Z"), ("national_id", "X1234567L")],
    "codice fiscale RSSMRA85T10A562S": [("national_id", "RSSMRA85T10A562S")],
    "NINO AB 12 34 56 C": [("national_id", "AB 12 34 56 C")],
    "CPF 529.982.247-25": [("national_id", "529.982.247-25")],
    "AHV 756.9217.0769.85": [("national_id", "756.9217.0769.85")],
    "Steuer-ID: 86 095 742 719": [("national_id", "86 095 742 719")],
    "BSN 111222333": [("national_id", "111222333")],
    "PESEL 44051401359": [("national_id", "44051401359")],
    "Aadhaar 2341 2341 2346": [("national_id", "2341 2341 2346")],
    "NIR 1 84 12 76 451 089 46": [("national_id", "1 84 12 76 451 089 46")],
    "from 192.168.0.17 and 2001:db8::8a2e:370:7334": [("ip", "192.168.0.17"), ("ip", "2001:db8::8a2e:370:7334")],
    "key AKIAIOSFODNN7EXAMPLE": [("secret", "AKIAIOSFODNN7EXAMPLE")],
    "use sk-proj-abcdefghijklmnopqrstuvwx": [("secret", "sk-proj-abcdefghijklmnopqrstuvwx")],
    "-----BEGIN RSA PRIVATE KEY-----": [("secret", "-----BEGIN RSA PRIVATE KEY-----")],
    # what only looks like it
    "Order 2026-11-21-000123, 14:30:05, page 12 of 345": [],
    "ISBN 978-3-16-148410-0, EAN 4006381333931": [],
    "The total is 1,234,567.89 EUR for 12345678 pieces": [],
    "Card 4111 1111 1111 1112 has a wrong digit": [],
    "IBAN DE89 3704 0044 0532 0130 01 has a wrong digit": [],
    "version 10.4.2, ratio 16:9, 999.1.1.1": [],
    "anna@localhost, @handle, a@b, user@@example.com": [],
    "000-12-3456 and 666-12-3456 and 900-12-3456": [],
    "Coordinates 52.520008, 13.404954": [],
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": [],
    "Matrikelnummer 1234567890123": [],
    "12345678A is no DNI": [],
    "std::vector<int>::size and a::b": [],
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_found(text: str) -> None:
    found = [(hit.kind, text[hit.start : hit.end]) for hit in PiiScanner().find(text, PII_KINDS)]
    assert found == TEXTS[text]


def test_only_the_kinds_asked_for_are_found() -> None:
    text = "a@example.com 4111111111111111"
    assert [hit.kind for hit in PiiScanner().find(text, ["card"])] == ["card"]
    assert PiiScanner().find(text, []) == []


def test_places_count_characters() -> None:
    text = "\U0001f600 ü \ud800 a@example.com"
    (hit,) = PiiScanner().find(text, ["email"])
    assert text[hit.start : hit.end] == "a@example.com"


def test_all_texts_at_once_are_found_in_order_and_without_overlaps() -> None:
    text = " | ".join(TEXTS)
    found = PiiScanner().find(text, PII_KINDS)
    for one, two in itertools.pairwise(found):
        assert one.end <= two.start
    expected = {part for parts in TEXTS.values() for part in parts}
    assert expected <= {(hit.kind, text[hit.start : hit.end]) for hit in found}


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "a@", "a.", "+1 ", "DE", "(1", "1:", "call 0", "-", "eyJ", "a@a.", "1.1", "ü1"]
)
def test_hostile_texts_come_to_an_end(piece: str) -> None:
    text = (piece * (scanner.MAX_TEXT // len(piece)))[: scanner.MAX_TEXT]
    try:
        PiiScanner().find(text, PII_KINDS)
    except NodeError as refused:
        assert refused.kind == "budget"


def test_a_text_that_is_too_large_is_refused() -> None:
    with pytest.raises(NodeError, match="200,000 can be scanned"):
        PiiScanner().find("x" * (scanner.MAX_TEXT + 1), PII_KINDS)
    with pytest.raises(NodeError, match="full of"):
        PiiScanner().find("a@b.io " * (scanner.MAX_CANDIDATES + 1), PII_KINDS)
