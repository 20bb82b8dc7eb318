"""How personal data is written: a pattern for each form, and a test that tells a hit from what only looks like one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from girih.providers.pii import checksums

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Form:
    """One way to write data of a kind.

    `pattern` (RE2) finds candidates of a bounded length. `accepts` is asked about the candidate without blanks, dots
    and dashes, in capitals. With `near`, one of these words must stand shortly before it. With `measure`, the pattern
    finds only where the data begins, and `measure` says how long it is, given what follows.
    """

    kind: str
    pattern: str
    accepts: Test = bool
    near: str = ""
    measure: Callable[[str], int] | None = None


LONGEST = 64
"""Characters that `measure` is given."""


def _account(text: str) -> int:
    """The length of an account number with its blanks: each country's has its own."""
    wanted = checksums.IBAN_LENGTHS.get(text[:2].upper(), 0)
    for place, sign in enumerate(text):
        wanted -= sign.isalnum()
        if wanted <= 0:
            return place + 1 if wanted == 0 else 0
        if not sign.isalnum() and sign not in " -":
            return 0
    return 0


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.lower())
    except ValueError:
        return False
    return address.version == 4 or (len(text) >= _SHORTEST_V6 and any(sign.isdigit() for sign in text))


def _is_nino(text: str) -> bool:
    """No British number begins so."""
    return text[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _is_mail(text: str) -> bool:
    local, _, domain = text.partition("@")
    labels = domain.split(".")
    if len(text) > _LONGEST_MAIL or len(local) > _LONGEST_LABEL or local.endswith(".") or ".." in local:
        return False
    return all(0 < len(label) < _LONGEST_LABEL and label.strip("-") == label for label in labels)


_SHORTEST_V6 = 6
_LONGEST_MAIL = 254
_LONGEST_LABEL = 64

FORMS: tuple[Form, ...] = (
    Form("secret", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"),
    Form("secret", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    Form("secret", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    Form("secret", r"\b(?:sk|pk|rk)[-_](?:[a-z]{2,10}[-_]){0,3}[A-Za-z0-9_\-]{20,200}"),
    Form("secret", r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,200}"),
    Form("secret", r"\bgirih_[a-z]+_[A-Za-z0-9_]{20,200}"),
    Form("secret", r"\beyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"),
    Form("email", r"[\pL\pN][\pL\pN._%+'\-]*@[\pL\pN][\pL\pN.\-]*\.\pL{2,24}", _is_mail),
    Form("iban", r"(?i)[A-Z]{2}\d{2}", checksums.is_iban, measure=_account),
    Form("card", r"\d{13,19}|\d{4}[ \-]\d{4}[ \-]\d{4}[ \-]\d{1,7}|\d{4}[ \-]\d{6}[ \-]\d{4,5}", checksums.is_card),
    Form("national_id", r"(?i)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", checksums.is_italian_code),
    Form("national_id", r"(?i)(?:\d{2}\.?\d{3}\.?\d{3}|[XYZ][ \-]?\d{7})[ \-]?[A-Z]", checksums.is_spanish_id),
    Form("national_id", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}", checksums.is_french_nir),
    Form("national_id", r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _is_nino),
    Form("national_id", r"\d{3}\.\d{3}\.\d{3}-\d{2}", checksums.is_cpf),
    Form("national_id", r"756\.\d{4}\.\d{4}\.\d{2}", checksums.is_ahv),
    Form("national_id", r"[2-9]\d{3}[ \-]\d{4}[ \-]\d{4}", checksums.is_aadhaar),
    Form("national_id", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", checksums.is_german_tax_id, near="steuer|idnr|tin|tax id"),
    Form("national_id", r"\d{9}", checksums.is_bsn, near="bsn|burgerservice"),
    Form("national_id", r"\d{11}", checksums.is_pesel, near="pesel"),
    Form("ssn", r"\d{3}-\d{2}-\d{4}", checksums.is_us_ssn),
    Form("ssn", r"\d{3} ?\d{2} ?\d{4}", checksums.is_us_ssn, near="ssn|social security"),
    Form("ip", r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", _is_address),
    Form("ip", r"(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}", _is_address),
)
"""Every form, the most telling first: where two overlap, the earlier one counts."""

KEEPS_SIGNS = frozenset({"email", "ip", "secret"})
"""Kinds whose dots and dashes belong to them."""
