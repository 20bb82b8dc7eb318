"""The text of a spec as an author has it: its own file, and the files beside it that it names."""

from __future__ import annotations

from collections.abc import Mapping

from girih.language.compiler.folder import is_spec
from girih.language.spec.canonical import digest_of


def named_files(text: str, files: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files that a spec names, by path: prompts and the like, and no other specs."""
    return {
        path: content
        for path, content in files.items()
        if path.rpartition("/")[2] in text and not is_spec(path, content)
    }


def digest_of_text(source: str, files: Mapping[str, str]) -> str:
    """`sha256:…` of a spec's text with all that it names; wherever its own file lies."""
    return digest_of([source, dict(files)])
