"""Phone numbers: found by how they are written, and taken for one when a country's numbering plan has them."""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import Any

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "CH", "AT", "PL", "IN", "BR", "MX", "AU", "JP")
"""Whose national numbers are known where the text says that a phone number follows."""

INTERNATIONAL = r"(?:\+|\b00)\d[\d ().\-/\x{00a0}]{5,22}\d"
"""A number with its country, as a pattern (RE2)."""

NATIONAL = r"\(?\d[\d ().\-/\x{00a0}]{5,20}\d"
"""A number without its country."""

NEAR = (
    "phone|tel|mobile|cell|call|fax|whatsapp|handy|mobil|ruf|fon|nummer|numero|número|numéro|portable|llam|movil|móvil|"
    "cellulare|chiam|appel|bel |telefo|celular|ligue|dzwon|電話"
)
"""Words before a number that say it is one to call."""

_GROUP = re.compile(r"[ ().\-/\u00a0]+")
_MOST_GROUPS = 4


def length_of(text: str, regions: tuple[str | None, ...]) -> int:
    """How many characters of a candidate are a phone number of one of the regions (`None`: with its country); or 0."""
    for end in _ends(text):
        if any(_is_valid(text[:end], region) for region in regions):
            return end
    return 0


def _ends(text: str) -> list[int]:
    """The end of the candidate, and of what is left of it without its last groups of digits."""
    gaps = [found.start() for found in _GROUP.finditer(text)]
    return [len(text), *reversed(gaps[-_MOST_GROUPS:])]


def _is_valid(text: str, region: str | None) -> bool:
    library = _library()
    number = "+" + text[2:] if region is None and text.startswith("00") else text
    try:
        parsed = library.parse(number, region)
    except library.NumberParseException:
        return False
    return bool(library.is_valid_number(parsed))


@cache
def _library() -> Any:
    return importlib.import_module("phonenumbers")  # loaded with the first number: most processes scan no text
