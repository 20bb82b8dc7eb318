"""The checks of a `guard` node, as an author writes them, and what they find in a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.errors import NodeError
from girih.language.nodes.ports import Found
from girih.language.spec import strict_json
from girih.language.spec.conform import contract
from girih.language.spec.model import Name, Strict, TypeSpec
from girih.language.spec.patterns import pattern_fault, spans
from girih.language.spec.policies import as_tuple
from girih.language.spec.tree import JsonObject, JsonSchema

PiiKind = Literal["email", "phone", "iban", "card", "ssn", "national_id", "ip", "secret"]
PII_KINDS: tuple[str, ...] = get_args(PiiKind)
"""The kinds of personal data that can be found."""

Action = Literal["mask", "fail"]

MAX_TEXT = 200_000
"""Characters of a text that a guard looks at."""

_MOST_FINDINGS = 100


def _pattern(text: str) -> str:
    fault = pattern_fault(text)
    if fault is not None:
        raise PydanticCustomError("pattern", "{fault}", {"fault": fault})
    return text


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]


class Pii(Strict):
    """Personal data: its kinds, and whether it is masked or fails the check."""

    kinds: Annotated[tuple[PiiKind, ...], Field(min_length=1), BeforeValidator(as_tuple)] = get_args(PiiKind)
    action: Action = "fail"


class Patterns(Strict):
    """Regular expressions (RE2) that may not occur."""

    deny: Annotated[list[Pattern], Field(min_length=1, max_length=100)]
    action: Action = "fail"


class Length(Strict):
    """How many characters the text may have."""

    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0, le=MAX_TEXT)] | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.min is None and self.max is None:
            raise PydanticCustomError("length", "needs 'min', 'max' or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("length", "'min' is larger than 'max': no text would pass")
        return self


class Judge(Strict):
    """A model that is asked whether the text keeps to a policy."""

    model: Name
    policy: Annotated[str, Field(min_length=1, max_length=20_000)]
    params: dict[str, Any] = Field(default_factory=dict)


class Checks(Strict):
    """What is checked, in this order; the judge is asked last, and only about a text that passed the rest."""

    length: Length | None = None
    pii: Pii | None = None
    patterns: Patterns | None = None
    schema_: Annotated[TypeSpec | None, Field(alias="schema")] = None
    judge: Judge | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("checks", "needs at least one check: length, pii, patterns, schema or judge")
        return self


@dataclass(frozen=True)
class Finding:
    """What a check found; `start` and `end` count characters of the text as it was given.

    `action` says whether it fails the guard or was masked. The message never holds what was found.
    """

    check: str
    kind: str
    message: str
    start: int | None = None
    end: int | None = None
    action: Action = "fail"

    def as_dict(self) -> JsonObject:
        """The form a graph sees: without a place where there is none."""
        shown = {"check": self.check, "kind": self.kind, "message": self.message, "action": self.action}
        return shown if self.start is None else {**shown, "start": self.start, "end": self.end}


def of_length(text: str, low: int | None, high: int | None) -> Iterator[Finding]:
    """Whether the text is too short or too long."""
    if low is not None and len(text) < low:
        yield Finding("length", "too_short", f"the text has {len(text)} characters, at least {low} are needed")
    if high is not None and len(text) > high:
        yield Finding("length", "too_long", f"the text has {len(text)} characters, at most {high} are allowed")


def of_pii(found: Sequence[Found], action: Action) -> Iterator[Finding]:
    """The personal data that the scanner found."""
    for hit in found:
        yield Finding("pii", hit.kind, f"the text holds data of the kind {hit.kind}", hit.start, hit.end, action)


def of_patterns(text: str, deny: Sequence[str], action: Action) -> Iterator[Finding]:
    """Where the denied patterns occur. Raises `NodeError` where there are too many places to mask them all."""
    for number, pattern in enumerate(deny, start=1):
        places = spans(pattern, text, _MOST_FINDINGS + 1)
        if action == "mask" and len(places) > _MOST_FINDINGS:
            raise NodeError(
                "budget",
                f"pattern {number} occurs more than {_MOST_FINDINGS} times, too often to mask",
                help="use action: fail, or pass the text in smaller parts",
                can_pass=False,
            )
        for start, end in places[:_MOST_FINDINGS]:
            yield Finding(
                "patterns", f"pattern_{number}", f"the text holds what pattern {number} denies", start, end, action
            )


def of_schema(text: str, schema: JsonSchema) -> Iterator[Finding]:
    """Whether the text is JSON of a type."""
    try:
        data = strict_json.loads(text)
    except (ValueError, RecursionError):
        yield Finding("schema", "not_json", "the text is not JSON")
        return
    for misfit in contract(schema).misfits(data):
        yield Finding("schema", "misfit", str(misfit))


def masked(text: str, findings: Sequence[Finding]) -> str:
    """The text with each masked place replaced by its kind in brackets; places that overlap become one."""
    pieces: list[str] = []
    at = 0
    places = ((f.start, f.end, f.kind) for f in findings if f.action == "mask" and f.start is not None)
    for start, end, kind in sorted((start, end or start, kind) for start, end, kind in places):
        if start >= at:
            pieces += [text[at:start], f"[{kind}]"]
        at = max(at, end)
    return "".join((*pieces, text[at:]))
