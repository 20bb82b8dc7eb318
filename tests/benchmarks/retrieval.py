"""Writes the documents of the Cranfield collection as files for `girih ingest`, to be measured by `girih eval`.

`python -m tests.benchmarks.retrieval FOLDER OUT` with the folder that holds `cran.all.1400.xml`. Its questions and
judgements, `cran.qry.xml` and `cranqrel.trec.txt`, are read by `girih eval retrieval … --topics-by-place` as they are.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path


def documents(folder: Path) -> dict[str, str]:
    """Each abstract as a Markdown document under its title, by name; two have no text and are left out."""
    found = {}
    for block in (folder / "cran.all.1400.xml").read_text(encoding="utf-8", errors="replace").split("<doc>")[1:]:
        title = " ".join(field(block, "title").split())
        if body := field(block, "text"):
            found[f"{field(block, 'docno')}.md"] = f"# {title}\n\n{body}"
    return found


def field(block: str, tag: str) -> str:
    match = re.search(rf"<{tag}>(.*?)</{tag}>", block, re.DOTALL)
    return html.unescape(match.group(1)).strip() if match else ""


def main(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found = documents(folder)
    for name, text in found.items():
        (out / name).write_text(text, encoding="utf-8")
    print(f"{len(found)} documents")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
