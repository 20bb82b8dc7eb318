"""The expressions of prompt files, token by token, by the engine's own order of operators."""

from __future__ import annotations

import re
from collections.abc import Callable

from girih.language.expressions.template_lexer import Lost, Token
from girih.language.expressions.template_tree import (
    Call,
    Choice,
    Constant,
    Expr,
    Filtered,
    Member,
    Opaque,
    Operation,
    Tested,
    Variable,
)

_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
_WORDS = frozenset({"and", "or", "not", "if", "else", "in", "is", "recursive"})
_COMPARING = ("==", "!=", "<", "<=", ">", ">=")
_LEVELS: tuple[tuple[str, ...], ...] = (("+", "-"), ("~",), ("*", "/", "//", "%"), ("**",))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Arguments = tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]


class Reader:
    """Reads the tokens of one tag. Every method raises `Lost` where the text is beyond it."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    @property
    def _behind(self) -> int:
        return self._tokens[self._at - 1].end

    # --- tokens

    def is_at_end(self) -> bool:
        """Whether the tag is read to its end."""
        return self._token.kind == "end"

    def finish(self) -> None:
        """The tag must be read to its end."""
        if not self.is_at_end():
            raise Lost

    def skip(self, *texts: str) -> bool:
        """Whether the next token is one of these, which is then read."""
        found = self._token.kind in ("sign", "name") and self._token.text in texts
        self._at += found
        return found

    def expect(self, text: str) -> None:
        """Read a token that must be there."""
        if not self.skip(text):
            raise Lost

    def name(self) -> str:
        """Read a name."""
        if self._token.kind != "name":
            raise Lost
        self._at += 1
        return self._tokens[self._at - 1].text

    def targets(self) -> tuple[str, ...]:
        """Read the names on the left side of an assignment; one with a dot is of a namespace and binds nothing."""
        bracketed = self.skip("(")
        names = [self.name()]
        if self.skip("."):
            self.name()
            return ()
        while self.skip(","):
            names.append(self.name())
        if bracketed:
            self.expect(")")
        return tuple(names)

    # --- expressions

    def whole(self) -> Expr:
        """The expression that fills the rest of the tag."""
        expr = self.expression()
        if self.skip(","):
            raise Lost
        self.finish()
        return expr

    def expression(self) -> Expr:
        """An expression, with `if … else` behind it."""
        start = self._token.at
        expr = self.without_if()
        while self.skip("if"):
            condition = self.without_if()
            other = self.expression() if self.skip("else") else None
            expr = Choice(start, self._behind, condition, expr, other)
        return expr

    def without_if(self) -> Expr:
        """An expression without an `if` behind it."""
        return self._joined(("or",), self._and)

    def _and(self) -> Expr:
        return self._joined(("and",), self._not)

    def _not(self) -> Expr:
        start = self._token.at
        if self.skip("not"):
            return Operation(start, self._behind, "not", (self._not(),))
        return self._compared()

    def _compared(self) -> Expr:
        start = self._token.at
        left = self._level(0)
        while True:
            sign = self._token.text
            if self.skip(*_COMPARING, "in"):
                left = Operation(start, self._behind, sign, (left, self._level(0)))
            elif sign == "not" and self._tokens[self._at + 1].text == "in":
                self._at += 2
                left = Operation(start, self._behind, "not in", (left, self._level(0)))
            else:
                return left

    def _level(self, depth: int) -> Expr:
        if depth == len(_LEVELS):
            return self._unary()
        return self._joined(_LEVELS[depth], lambda: self._level(depth + 1))

    def _joined(self, signs: tuple[str, ...], part: Callable[[], Expr]) -> Expr:
        start = self._token.at
        left = part()
        while (sign := self._token.text) and self.skip(*signs):
            right = part()
            left = Operation(start, self._behind, sign, (left, right))
        return left

    def _unary(self) -> Expr:
        start = self._token.at
        if self.skip("-", "+"):
            return self.filters(Operation(start, self._behind, "-", (self._postfix(self._primary()),)))
        return self.filters(self._postfix(self._primary()))

    def filters(self, operand: Expr | None) -> Expr:
        """Filters and tests behind an operand; the first filter's name when there is no operand yet."""
        result = operand if operand is not None else self._filter(None)
        while True:
            if self.skip("|"):
                result = self._filter(result)
            elif self.skip("is"):
                result = self._test(result)
            else:
                return result

    def _dotted(self) -> str:
        name = self.name()
        while self.skip("."):
            name += f".{self.name()}"
        return name

    def _filter(self, operand: Expr | None) -> Filtered:
        at = self._token.at
        name = self._dotted()
        positional, keywords = self._arguments() if self.skip("(") else ((), ())
        return Filtered(at if operand is None else operand.at, self._behind, operand, name, at, positional, keywords)

    def _test(self, operand: Expr) -> Tested:
        negated = self.skip("not")
        at = self._token.at
        name = self._dotted()
        arguments: tuple[Expr, ...] = ()
        if self.skip("("):
            arguments = self._arguments()[0]
        elif self._begins_value():
            arguments = (self._postfix(self._primary()),)
        return Tested(operand.at, self._behind, operand, name, at, arguments, negated)

    def _begins_value(self) -> bool:
        kind, text = self._token.kind, self._token.text
        return kind in ("text", "number") or text in ("[", "{") or (kind == "name" and text not in _WORDS)

    def _arguments(self) -> Arguments:
        """Arguments up to and with the closing parenthesis."""
        positional: list[Expr] = []
        keywords: list[tuple[str, Expr]] = []
        while not self.skip(")"):
            following = self._tokens[self._at + 1] if not self.is_at_end() else self._token
            if self._token.kind == "name" and following.text == "=":
                key = self.name()
                self.expect("=")
                keywords.append((key, self.expression()))
            else:
                positional.append(self.expression())
            if not self.skip(",") and self._token.text != ")":
                raise Lost
        return tuple(positional), tuple(keywords)

    def _postfix(self, expr: Expr) -> Expr:
        while True:
            if self.skip("."):
                expr = self._member(expr)
            elif self.skip("["):
                expr = self._item(expr)
            elif self.skip("("):
                positional, keywords = self._arguments()
                expr = Call(expr.at, self._behind, expr, (*positional, *(value for _, value in keywords)))
            else:
                return expr

    def _member(self, operand: Expr) -> Member:
        token = self._token
        if token.kind not in ("name", "number") or (token.kind == "number" and not token.text.isdigit()):
            raise Lost
        self._at += 1
        key = token.text if token.kind == "name" else int(token.text)
        return Member(operand.at, self._behind, operand, key, token.at)

    def _item(self, operand: Expr) -> Expr:
        inside: list[Expr] = []
        at = self._token.at
        is_slice = False
        while not self.skip("]"):
            if self.skip(":"):
                is_slice = True
            else:
                inside.append(self.expression())
        key = inside[0] if len(inside) == 1 and not is_slice else None
        if isinstance(key, Constant) and isinstance(key.value, str | int) and not isinstance(key.value, bool):
            return Member(operand.at, self._behind, operand, key.value, at + isinstance(key.value, str))
        if key is not None:
            return Operation(operand.at, self._behind, "[]", (operand, key))
        return Operation(operand.at, self._behind, "[:]", (operand, *inside))

    def _primary(self) -> Expr:
        token = self._token
        self._at += not self.is_at_end()
        if token.kind == "name" and token.text not in _WORDS:
            if token.text in _CONSTANTS:
                return Constant(token.at, token.end, _CONSTANTS[token.text])
            return Variable(token.at, token.end, token.text)
        if token.kind == "text":
            return self._texts(token)
        if token.kind == "number":
            digits = token.text.replace("_", "")
            return Constant(token.at, token.end, int(digits) if digits.isdigit() else float(digits))
        if token.text in ("(", "[", "{"):
            return self._bracketed(token)
        raise Lost

    def _texts(self, first: Token) -> Constant:
        value = _unquoted(first.text)
        while self._token.kind == "text":
            value += _unquoted(self._token.text)
            self._at += 1
        return Constant(first.at, self._behind, value)

    def _bracketed(self, opened: Token) -> Expr:
        """A list, a mapping, or an expression in parentheses."""
        close = {"(": ")", "[": "]", "{": "}"}[opened.text]
        inside: list[Expr] = []
        while not self.skip(close):
            inside.append(self.expression())
            if not self.skip(",", ":") and self._token.text != close:
                raise Lost
        is_group = opened.text == "(" and len(inside) == 1 and self._tokens[self._at - 2].text != ","
        return inside[0] if is_group else Opaque(opened.at, self._behind, tuple(inside))


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
