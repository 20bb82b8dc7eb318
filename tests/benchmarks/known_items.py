"""Makes a collection with known answers of Markdown files: the first sentences of paragraphs become questions.

`python -m tests.benchmarks.known_items OUT FOLDER…` writes documents, without those sentences, to OUT/documents, and
the questions for `girih eval retrieval` to OUT/questions.jsonl. A question's answer is the file that it was taken from.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_FIRST = re.compile(r"(?P<question>.{40,300}?[.?])\s+(?P<rest>\S.{80,})", re.DOTALL)
_MARKUP = re.compile(r"[`*\[]|\]\([^)]*\)")


def taken_out(text: str) -> Iterator[tuple[str, str | None]]:
    """Each paragraph as it stays, and the question that was taken from its beginning, if it is prose and long enough."""
    is_code = False
    for paragraph in text.split("\n\n"):
        match = _FIRST.fullmatch(paragraph) if not is_code and paragraph[:1].isupper() else None
        yield (match["rest"], match["question"]) if match else (paragraph, None)
        is_code ^= paragraph.count("```") % 2 == 1


def main(out: Path, folders: list[Path]) -> None:
    lines: list[str] = []
    for folder in folders:
        for file in sorted(folder.rglob("*.md")):
            name = f"{folder.name}/{file.relative_to(folder)}"
            parts = list(taken_out(file.read_text(encoding="utf-8")))
            place = out / "documents" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("\n\n".join(text for text, _ in parts), encoding="utf-8")
            asked = [" ".join(_MARKUP.sub("", question).split()) for _, question in parts if question]
            lines += [json.dumps({"query": one, "relevant": [name]}, ensure_ascii=False) for one in asked]
    (out / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} questions")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
