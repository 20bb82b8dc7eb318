"""The syntax of prompt files → their tree, for text that the engine itself has accepted."""

from __future__ import annotations

from functools import lru_cache

from girih.language.expressions.template_expressions import Reader
from girih.language.expressions.template_lexer import Lost, Tag, tags
from girih.language.expressions.template_tree import Assign, Block, Expr, For, If, Output, Statement

_CACHED = 512
_SILENT = frozenset({"break", "continue"})


@lru_cache(maxsize=_CACHED)
def read_template(text: str) -> tuple[Statement, ...] | None:
    """The statements of a prompt file; `None` when it holds what this reader does not know."""
    try:
        statements, ended = _Statements(list(tags(text))).body(frozenset())
    except (Lost, RecursionError):
        return None
    return statements if ended is None else None


class _Statements:
    def __init__(self, found: list[Tag]) -> None:
        self._tags = found
        self._next = 0

    def body(self, ends: frozenset[str]) -> tuple[tuple[Statement, ...], Reader | None]:
        """The statements up to a tag that begins with one of `ends`, and that tag, read up to behind its first word."""
        result: list[Statement] = []
        while self._next < len(self._tags):
            tag = self._tags[self._next]
            self._next += 1
            reader = Reader(tag.tokens)
            if tag.is_output:
                result.append(Output(reader.whole()))
                continue
            word = reader.name()
            if word in ends:
                return tuple(result), Reader(tag.tokens)
            if word not in _SILENT:
                result.append(self._statement(word, reader))
        if ends:
            raise Lost
        return tuple(result), None

    def _statement(self, word: str, reader: Reader) -> Statement:
        if word == "if":
            return self._if(reader)
        if word == "for":
            return self._for(reader)
        if word == "set":
            return self._set(reader)
        if word == "with":
            return self._with(reader)
        if word == "filter":
            value = reader.filters(None)
            reader.finish()
            return Block((((), value),), self._closed("endfilter"))
        if word == "do":
            return Output(reader.whole(), printed=False)
        raise Lost

    def _closed(self, end: str) -> tuple[Statement, ...]:
        return self.body(frozenset({end}))[0]

    def _if(self, reader: Reader) -> If:
        condition = reader.whole()
        body, end = self.body(frozenset({"elif", "else", "endif"}))
        if end is None:
            raise Lost
        word = end.name()
        if word == "elif":
            return If(condition, body, (self._if(end),))
        return If(condition, body, self._closed("endif") if word == "else" else ())

    def _for(self, reader: Reader) -> For:
        targets = reader.targets()
        reader.expect("in")
        over = reader.without_if()
        condition = reader.without_if() if reader.skip("if") else None
        reader.skip("recursive")
        reader.finish()
        body, end = self.body(frozenset({"else", "endfor"}))
        other = self._closed("endfor") if end is not None and end.name() == "else" else ()
        return For(targets, over, condition, body, other)

    def _set(self, reader: Reader) -> Assign:
        targets = reader.targets()
        if reader.skip("="):
            return Assign(targets, reader.whole())
        # `{% set name | filter %}` filters the text of the block.
        return Assign(targets, None, self._closed("endset"))

    def _with(self, reader: Reader) -> Block:
        bindings: list[tuple[tuple[str, ...], Expr]] = []
        while not reader.is_at_end():
            targets = reader.targets()
            reader.expect("=")
            bindings.append((targets, reader.expression()))
            if not reader.skip(","):
                break
        reader.finish()
        return Block(tuple(bindings), self._closed("endwith"))
