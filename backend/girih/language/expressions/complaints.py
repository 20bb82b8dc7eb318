"""What the parser says about text that is not CEL, in an author's words and with the way out."""

from __future__ import annotations

import re

from girih.language.expressions.cel import ParseFault

_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!", "is": "==", "equals": "=="}
_WORD = re.compile(r"\b(and|or|not|AND|OR|NOT|is|equals)\b")
_LITERALS = {"True": "true", "False": "false", "None": "null", "nil": "null"}
_SINGLE_EQUALS = re.compile(r"(?<![=!<>])=(?![=])")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")


def explain(text: str, fault: ParseFault) -> tuple[str, int, int, str | None]:
    """Message, offset, length and help for a syntax fault."""
    if not text.strip():
        return "an expression is empty", 0, 1, "write what it should give, for example inputs.question"
    # Inside quotes everything is text: it is blanked out, at its length, before the usual slips are looked for.
    bare = _QUOTED.sub(lambda found: " " * len(found.group()), text)
    return _open_quote(bare) or _foreign(bare) or _by_parser(text, fault)


def literal_help(name: str) -> str | None:
    """What a name that another language knows is called here: `true` for `True`."""
    return _LITERALS.get(name)


def _open_quote(bare: str) -> tuple[str, int, int, str | None] | None:
    found = re.search(r"['\"]", bare)
    if found is None:
        return None
    return f"the quote {found.group()} is never closed", found.start(), 1, f"close the text with {found.group()}"


def _foreign(bare: str) -> tuple[str, int, int, str | None] | None:
    found = re.search(r"===|<>", bare)
    if found:
        right = {"===": "==", "<>": "!="}[found.group()]
        return f"'{found.group()}' is no operator", found.start(), len(found.group()), f"write {right}"
    found = _SINGLE_EQUALS.search(bare)
    if found:
        return "'=' does not compare", found.start(), 1, "write == to compare"
    found = _WORD.search(bare)
    if found and not bare[: found.start()].rstrip().endswith("."):
        return f"'{found.group()}' is no operator", found.start(), len(found.group()), f"write {_WORDS[found.group()]}"
    found = re.search(r"(?<!&)&(?!&)|(?<!\|)\|(?!\|)", bare)
    if found:
        way_out = f"write {found.group() * 2}"
        if found.group() == "|":
            way_out += "; filters are for prompt files"
        return "'" + found.group() + "' is no operator", found.start(), 1, way_out
    found = re.search(r"\$\{?|\{\{", bare)
    if found:
        help_ = "an expression is written without ${ } here: the whole text is one already"
        return f"'{found.group()}' does not belong into an expression", found.start(), len(found.group()), help_
    return None


_EXPECTED_END = re.compile(r"(?:extraneous|mismatched) input '(.*)' expecting <EOF>")
_UNEXPECTED = re.compile(r"(?:extraneous|mismatched) input '(.*?)' expecting|no viable alternative at input '(.*)'")
_MISSING = re.compile(r"missing '(.)'")
_UNKNOWN = re.compile(r"token recognition error at: '(.*)'")
_RESERVED = re.compile(r"reserved identifier: (\w+)")


def _by_parser(text: str, fault: ParseFault) -> tuple[str, int, int, str | None]:
    said, at = fault.message, fault.offset
    end = len(text.rstrip())
    if "<EOF>' expecting" in said or at >= end:
        missing = _MISSING.search(said)
        if missing:
            return f"'{missing[1]}' is missing at the end", max(0, end - 1), 1, f"add '{missing[1]}'"
        return "the expression ends too early", max(0, end - 1), 1, "something is missing after its last character"
    found = _RESERVED.search(said)
    if found:
        return f"'{found[1]}' is a reserved word and cannot be a name", at, len(found[1]), None
    found = _MISSING.search(said)
    if found:
        return f"'{found[1]}' is missing here", at, 1, f"add '{found[1]}'"
    found = _UNKNOWN.search(said)
    if found:
        return f"'{text[at]}' does not belong into an expression", at, 1, None
    found = _EXPECTED_END.search(said)
    if found:
        closing = found[1] in (")", "]", "}")
        way_out = "nothing was opened that it closes" if closing else "an operator is missing before it: && or + or =="
        return f"'{found[1]}' cannot follow here", at, len(found[1]), way_out
    found = _UNEXPECTED.search(said)
    token = (found[1] or found[2]) if found else text[at : at + 1]
    return f"'{token}' is not expected here", at, max(1, len(token)), None
