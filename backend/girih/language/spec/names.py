"""Names an author may not give to a node: expressions already mean something else by them."""

from __future__ import annotations

RESERVED = frozenset(
    {
        # data of the language
        "inputs", "state", "item", "index", "run", "errors", "visits",
        # words of CEL
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
        # types of CEL
        "bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint",
    }
)  # fmt: skip

NAME_HELP = "a name begins with a lower-case letter and goes on with lower-case letters, digits and '_'"
SLUG_HELP = "a published name is lower-case words and digits joined by '-' or '.', like support-answer"
