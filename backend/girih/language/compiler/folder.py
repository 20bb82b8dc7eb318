"""A folder on disk → a workspace in memory. Reads only what lies in the folder: no link leads out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from girih.errors import InvalidInput, NotFound, TooLarge
from girih.language.compiler.workspace import Workspace
from girih.language.spec.reader import MAX_BYTES

MAX_FILES = 2_000
"""How many files a workspace may hold."""

MAX_TOTAL = 20_000_000
"""How large all texts of a workspace may be together, in bytes."""

SPEC_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""The files that may hold specs."""

NO_SPECS = "a spec is a .yaml or .json file that begins with 'kind:'"
"""What to say to somebody whose folder or file is none."""

_KIND = re.compile(r"""(?:^|[{,\ufeff])\s*["']?kind["']?\s*:""", re.MULTILINE)
_MISSPELT_KIND = re.compile(r"^\w{2,8}[ \t]*:?[ \t]*(?:graph|model|tool|collection)/v\d+[ \t]*$", re.MULTILINE)
_NODES = re.compile(r"""^\ufeff?["']?nodes["']?[ \t]*:|"nodes"\s*:\s*\{""", re.MULTILINE)
_NEXT = re.compile(r"""\bnext["']?[ \t]*:""")
_PLAN = re.compile(r"""\s*\{\s*"girih_plan"\s*:""")
_NEVER = frozenset({"node_modules", "__pycache__"})


def is_spec(path: str, text: str) -> bool:
    """Whether a file says what kind of spec it is, or has nodes as a graph does.

    Other YAML and JSON in a workspace is left alone. A JSON Schema that describes specs (`*.schema.json`) is none
    itself.
    """
    if Path(path).suffix.lower() not in SPEC_SUFFIXES or path.lower().endswith(".schema.json") or is_plan(text):
        return False
    return says_kind(text) or (_NODES.search(text) is not None and _NEXT.search(text) is not None)


def is_plan(text: str) -> bool:
    """Whether a text is a kept plan, which names kinds and is no spec itself."""
    return _PLAN.match(text) is not None


def says_kind(text: str) -> bool:
    """Whether a text names its kind, as far as that can be seen without reading it."""
    return _KIND.search(text) is not None or _MISSPELT_KIND.search(text) is not None


def read_folder(folder: Path) -> Workspace:
    """The texts below `folder` by their POSIX paths, in order.

    Left out: hidden files and folders, links that lead out, virtual environments, binary files, and texts over 1 MB
    that are no specs. A spec over the size is cut behind it and one that is not UTF-8 keeps its odd bytes as lone
    surrogates; the reader reports both at their places. Raises `NotFound`, `InvalidInput`, `TooLarge`.
    """
    if not folder.exists():
        raise NotFound(f"there is no folder '{folder}'", help="check the path; `girih new DIR` makes a workspace")
    if not folder.is_dir():
        raise InvalidInput(f"'{folder}' is a file, not a folder", help="give the folder that holds it")
    root = folder.resolve()
    files: dict[str, str] = {}
    total = 0
    for path in _files(root, root):
        text = _text(path)
        if text is None:
            continue
        total += len(text)
        if len(files) >= MAX_FILES or total > MAX_TOTAL:
            raise TooLarge(
                f"'{folder}' holds more than {MAX_FILES} files or {MAX_TOTAL // 1_000_000} MB of text",
                help="give the folder that holds the specs and nothing else",
            )
        files[path.relative_to(root).as_posix()] = text
    return Workspace(files)


def _files(folder: Path, root: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except PermissionError:
        raise InvalidInput(f"'{folder}' may not be read", help="check the folder's permissions") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _NEVER or _leads_out(entry, root):
            continue
        if entry.is_dir():
            if not entry.is_symlink() and not (entry / "pyvenv.cfg").exists():
                yield from _files(entry, root)
        elif entry.is_file():
            yield entry


def _leads_out(entry: Path, root: Path) -> bool:
    return entry.is_symlink() and not entry.resolve().is_relative_to(root)


def _text(path: Path) -> str | None:
    """The file's text; `None` for one that cannot belong to a spec."""
    is_spec = path.suffix.lower() in SPEC_SUFFIXES
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except PermissionError:
        raise InvalidInput(f"'{path}' may not be read", help="check the file's permissions") from None
    if is_spec:
        return data.decode("utf-8", errors="surrogateescape")
    if len(data) > MAX_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
