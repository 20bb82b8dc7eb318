"""Check digits: which numbers that look like an account, a card or an identity number can be one."""

from __future__ import annotations

from collections.abc import Mapping

# ISO 13616: the length of an account number by country.
IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip

# The first four digits that card issuers have, from ISO/IEC 7812 ranges in use.
_ISSUERS = (
    (2200, 2204), (2221, 2720), (3000, 3059), (3400, 3499), (3528, 3589), (3600, 3699), (3700, 3799), (3800, 3999),
    (4000, 4999), (5000, 5999), (6000, 6999),
)  # fmt: skip
_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_ITALIAN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"


def is_iban(text: str) -> bool:
    """An account number without blanks, in capitals."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def luhn(digits: str) -> bool:
    """The check digit of cards."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def is_card(digits: str) -> bool:
    """A number of one of the big issuers, whose check digit is right."""
    prefix = int(digits[:4])
    is_issued = any(low <= prefix <= high for low, high in _ISSUERS)
    return is_issued and 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def is_us_ssn(digits: str) -> bool:
    """A US social security number that could have been issued."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_german_tax_id(digits: str) -> bool:
    """ISO 7064 (mod 11, 10), and one digit of the first ten that comes two or three times."""
    counts = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    if digits[0] == "0" or counts[0] not in (2, 3) or (len(counts) > 1 and counts[1] > 1):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product - 1) % 10 + 1) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_spanish_id(text: str) -> bool:
    """A DNI or NIE: its letter follows from its number."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(number) == 8 and _SPANISH[int(number) % 23] == text[-1]


def is_italian_code(text: str) -> bool:
    """A codice fiscale: the last letter follows from the others."""
    total = 0
    for place, sign in enumerate(text[:15]):
        number = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        total += _ITALIAN_ODD[number] if place % 2 == 0 else number
    return chr(ord("A") + total % 26) == text[15]


def is_french_nir(digits: str) -> bool:
    """A numéro de sécurité sociale with its key."""
    return 1 <= int(digits[3:5]) <= 99 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_cpf(digits: str) -> bool:
    """A Brazilian taxpayer's number: two check digits."""

    def check(first: str) -> int:
        rest = sum(int(digit) * weight for digit, weight in zip(first, range(len(first) + 1, 1, -1), strict=True)) % 11
        return 0 if rest < 2 else 11 - rest

    return len(set(digits)) > 1 and f"{check(digits[:9])}{check(digits[:10])}" == digits[9:]


def is_aadhaar(digits: str) -> bool:
    """An Indian identity number: Verhoeff's check digit."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return digits[0] not in "01" and check == 0


def is_ahv(digits: str) -> bool:
    """A Swiss insurance number: the check digit of EAN-13."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


def is_bsn(digits: str) -> bool:
    """A Dutch citizen's number: the eleven test."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11 == 0


def is_pesel(digits: str) -> bool:
    """A Polish citizen's number."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))
    return (10 - total % 10) % 10 == int(digits[10])
