"""`girih pull DIR`: writes what a server has as files, and says where folder and server differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from girih.cli.applied import Here, State, published
from girih.cli.client import fail, open_server
from girih.cli.drift import Compared, compare, specs_of, who
from girih.cli.files import write_whole
from girih.cli.output import CHANGES, USAGE, data, harmless, note
from girih.cli.rendered import with_text
from girih.language.compiler.folder import read_folder
from girih.language.spec.tree import JsonObject


def pull(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; it may be new.")],
    alias: Annotated[str, typer.Option("--alias", help="Whose versions of agents.")] = "latest",
    check: Annotated[bool, typer.Option("--check", help="Write nothing (exit code 3 if anything differs).")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that differ, too.")] = False,
) -> None:
    """Write all that the server has as files: agents, models, tools, pipelines, collections, and their prompts.

    Texts come back as they were applied, with their comments. A file that differs is not written over without --force:
    the difference is shown, and who changed it, and the exit code is 3. What is only in the folder stays.
    """
    if folder.exists() and not folder.is_dir():
        fail(f"'{folder}' is a file, not a folder", "give the folder to write to", code=USAGE)
    with open_server() as server:
        found = published(server, alias, texts=True)
    texts = read_folder(folder).files if folder.exists() else {}
    state = State.read(folder, found["project"])
    there = {(thing["kind"], thing["name"]): with_text(thing) for thing in found["things"]}
    compared = compare(specs_of(texts), there, state)
    left = [one for one in compared if not _settle(one, folder, check=check, force=force, state=state)]
    if not check and folder.exists():
        state.save()
    _tell(compared, left, check=check)


def _settle(one: Compared, folder: Path, *, check: bool, force: bool, state: State) -> bool:
    """Make folder and server the same, or say how they differ; whether they are the same now."""
    if one.there is None:
        data(f"{'only here':<14} {' '.join(one.key)}  {one.here.path if one.here else ''}\n")
        return False
    if one.what == "same" and one.here is not None:
        if not check:
            state.note(one.key, one.here, one.there)
        return True
    if one.there["source"] is None:
        data(f"{'no text known':<14} {' '.join(one.key)}  {who(one.there)}\n")
        return False
    files = _files(one.here, one.there)
    differing = [path for path, text in files.items() if _text(folder / path) not in (None, text)]
    moved = f", {who(one.there)}" if "there" in one.what else ""
    data(harmless(f"{one.what:<14} {' '.join(one.key)}  {next(iter(files))}{moved}") + "\n")
    data("".join(_difference(folder, path, files[path]) for path in differing))
    if check or (differing and not force):
        return False
    _write(folder, files)
    spec, *others = files
    state.note(one.key, Here(spec, files[spec], {path: files[path] for path in others}), one.there)
    return True


def _files(here: Here | None, there: JsonObject) -> dict[str, str]:
    """What is to be written, by path: the spec first, where the folder has it already, and what it names."""
    known = {PurePosixPath(path).name: path for path in here.files} if here is not None else {}
    files = {here.path if here is not None else there["path"]: there["source"]}
    files |= {known.get(PurePosixPath(path).name, path): text for path, text in there["files"].items()}
    for path in files:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or "\\" in path or any(part.startswith(".") for part in parts):
            fail(f"the server names a file that is none of a workspace: {path!r}", "nothing more was written")
    return files


def _write(folder: Path, files: dict[str, str]) -> None:
    root = folder.resolve()
    for path, text in files.items():
        place = root / path
        if not place.resolve().is_relative_to(root):
            fail(f"'{path}' leads out of the folder by a link; it was not written", "take the link away")
        if _text(place) != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
            write_whole(place, text)


def _text(place: Path) -> str | None:
    try:
        return place.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return ""


def _difference(folder: Path, path: str, text: str) -> str:
    def lines(content: str) -> Iterator[str]:
        return (line if line.endswith("\n") else f"{line}\n" for line in content.splitlines(keepends=True))

    before = list(lines(_text(folder / path) or ""))
    return harmless("".join(difflib.unified_diff(before, list(lines(text)), path, f"{path} (server)")))


def _tell(compared: Sequence[Compared], left: Sequence[Compared], *, check: bool) -> None:
    written = sum(one.what != "same" for one in compared) - len(left)
    same = sum(one.what == "same" for one in compared)
    note(
        f"{same} the same, {len(left)} {'differ' if check else 'left as they were'}"
        + ("" if check else f", {written} written")
    )
    if any(one.what != "only here" for one in left) or (check and left):
        raise typer.Exit(CHANGES)
