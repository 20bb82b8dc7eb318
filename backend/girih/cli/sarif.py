"""Findings as SARIF 2.1.0, the form that code scanning services and editors take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from json import dumps
from pathlib import Path
from urllib.parse import quote

from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.tree import JsonObject

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_TITLE = re.compile(r"#\s*[EW]\d{3}\s*[:–—-]?\s*(?P<title>.+)")


def sarif(diagnostics: Iterable[Diagnostic], pages: Mapping[str, Path]) -> str:
    """The findings as one run, with a rule for each of their codes; `pages` says where a code is explained."""
    found = list(diagnostics)
    codes = sorted({diagnostic.code for diagnostic in found})
    driver = {
        "name": "girih",
        "version": version("girih"),
        "rules": [_rule(code, pages.get(code)) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in found],
    }
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str, page: Path | None) -> JsonObject:
    level = "warning" if code.startswith("W") else "error"
    rule: JsonObject = {"id": code, "defaultConfiguration": {"level": level}}
    text = page.read_text("utf-8").strip() if page else ""
    if title := _TITLE.match(text):
        body = text[title.end() :].strip()
        rule["shortDescription"] = {"text": title["title"].strip()}
        rule["fullDescription"] = {"text": body.partition("\n\n")[0] or title["title"].strip()}
        rule["help"] = {"text": body or title["title"].strip(), "markdown": text}
    return rule


def _result(diagnostic: Diagnostic, index: int) -> JsonObject:
    text = f"{diagnostic.message}. {diagnostic.help}" if diagnostic.help else diagnostic.message
    result: JsonObject = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": _whole(text)},
        "locations": [{"physicalLocation": _location(diagnostic.place)}],
    }
    if diagnostic.related:
        result["relatedLocations"] = [_related(i, related) for i, related in enumerate(diagnostic.related, 1)]
    return result


def _related(number: int, related: Related) -> JsonObject:
    return {
        "id": number,
        "message": {"text": _whole(related.message)},
        "physicalLocation": _location(related.place),
    }


def _location(place: Place) -> JsonObject:
    end = {"endLine": place.line, "endColumn": place.column + place.length}
    # An absolute path is only a URI with its scheme.
    path = Path(place.file)
    uri = path.as_uri() if path.is_absolute() else quote(place.file)
    return {
        "artifactLocation": {"uri": uri},
        "region": {"startLine": place.line, "startColumn": place.column, **end},
    }


def _whole(text: str) -> str:
    """The text as UTF-8 can hold it: a file may have brought half of a surrogate pair into it."""
    return text.encode("utf-8", errors="backslashreplace").decode()
