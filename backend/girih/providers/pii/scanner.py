"""Personal data in texts, found offline: patterns of linear time, then each kind's check digits and numbering plans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from girih.errors import NodeError
from girih.language.nodes.ports import Found
from girih.language.spec.patterns import spans
from girih.providers.pii import phones
from girih.providers.pii.forms import FORMS, KEEPS_SIGNS, LONGEST, Form

MAX_TEXT = 200_000
"""Characters of a text that can be scanned at once."""

MAX_CANDIDATES = 5_000
"""Places in a text that look like data of one form."""

_SIGNS = re.compile(r"[\s.\-()/]")
_BEFORE = 40


class PiiScanner:
    """Finds personal data. A text that cannot be scanned whole is refused: what was not looked at is not safe."""

    def find(self, text: str, kinds: Sequence[str]) -> list[Found]:
        """See `Scanner`. Raises `NodeError` (`budget`) for a text that cannot be scanned whole."""
        if len(text) > MAX_TEXT:
            raise _too_much(f"the text has {len(text):,} characters, {MAX_TEXT:,} can be scanned")
        found: list[Found] = []
        for form in FORMS:
            if form.kind in kinds:
                found += _of_form(text, form)
        if "phone" in kinds:
            found += _phones(text)
        taken = bytearray(len(text))
        kept: list[Found] = []
        for hit in found:
            if not any(taken[hit.start : hit.end]):
                taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
                kept.append(hit)
        return sorted(kept, key=lambda hit: hit.start)


def _of_form(text: str, form: Form) -> Iterator[Found]:
    for start, found_end in _candidates(form.pattern, text):
        end = found_end if form.measure is None else start + form.measure(text[start : start + LONGEST])
        if start < end and _is_data(text, start, end, form):
            yield Found(form.kind, start, end)


def _is_data(text: str, start: int, end: int, form: Form) -> bool:
    part = text[start:end]
    if not form.accepts(part if form.kind in KEEPS_SIGNS else _SIGNS.sub("", part).upper()):
        return False
    return _stands_alone(text, start, end) and (not form.near or _near(text, start, form.near))


def _phones(text: str) -> Iterator[Found]:
    for start, end in _candidates(phones.INTERNATIONAL, text):
        length = phones.length_of(text[start:end], (None,))
        if length and _stands_alone(text, start, start + length):
            yield Found("phone", start, start + length)
    for start, end in _candidates(phones.NATIONAL, text):
        if _stands_alone(text, start, start + 1, behind=False) and _near(text, start, phones.NEAR):
            length = phones.length_of(text[start:end], phones.REGIONS)
            if length and _stands_alone(text, start, start + length):
                yield Found("phone", start, start + length)


def _candidates(pattern: str, text: str) -> list[tuple[int, int]]:
    found = spans(pattern, text, MAX_CANDIDATES + 1)
    if len(found) > MAX_CANDIDATES:
        raise _too_much("the text is full of what looks like personal data")
    return found


def _stands_alone(text: str, start: int, end: int, *, behind: bool = True) -> bool:
    """Whether the span is no part of a longer word or number."""
    before = text[start - 1] if start else " "
    after = text[end : end + 2] if behind else ""
    if before.isalnum() or before in "_@" or (before in ".-/" and text[start - 2 : start - 1].isdigit()):
        return False
    return not (after[:1].isalnum() or (after[:1] in "-/." and after[1:].isdigit() and after[:1] != ""))


def _near(text: str, start: int, words: str) -> bool:
    return re.search(rf"(?:^|[^a-z])(?:{words})", text[max(0, start - _BEFORE) : start].lower()) is not None


def _too_much(message: str) -> NodeError:
    return NodeError("budget", message, help="pass the text in smaller parts", can_pass=False)
