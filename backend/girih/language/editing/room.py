"""One workspace in an editor: the files of a folder, over them the texts that are open, and the last analysis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from girih.errors import GirihError
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import analyse_workspace
from girih.language.compiler.unit import Unit
from girih.language.compiler.workspace import Catalog, Workspace
from girih.language.editing.reading import Reading, Told
from girih.language.spec.memory import Memory


class Room:
    """A workspace; without a folder it holds nothing but what is open.

    `analyse` may run in another thread than everything else, one call at a time.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.open: dict[str, str] = {}
        self.reading: Reading | None = None
        self.is_readable = True
        """False for a folder that is too large for a workspace, or may not be read."""
        self._disk: Mapping[str, str] = {}
        self._is_stale = folder is not None
        self._memory = Memory()
        self._good: dict[str, Unit] = {}
        self._told: dict[str, tuple[Told, ...]] = {}
        self._shown: dict[str, tuple[tuple[Told, ...], str | None]] = {}

    # --- texts

    def look_again(self) -> None:
        """Read the folder again before the next analysis: something may have changed on disk."""
        self._is_stale = self.folder is not None

    def load(self) -> None:
        """Read the folder, if something may have changed."""
        if not self._is_stale or self.folder is None:
            return
        self._is_stale = False
        try:
            found = read_folder(self.folder).files
            self.is_readable = True
        except (GirihError, OSError):
            found, self.is_readable = {}, False
        self._disk = {name: text.removeprefix("\ufeff") for name, text in found.items()}

    def files(self) -> dict[str, str]:
        """All texts: what is open goes before what lies on disk."""
        return {**self._disk, **self.open}

    def is_current(self, file: str) -> bool:
        """Whether the last analysis has seen a file as it is now."""
        return self.reading is not None and self.reading.files.get(file) == self.files().get(file)

    # --- analysis

    def analyse(self) -> Reading:
        """The workspace as it stands, analysed. Makes nothing known: see `take`."""
        self.load()
        return self.analysed(self.files())

    def analysed(self, files: Mapping[str, str]) -> Reading:
        """Other texts in the place of this workspace's, analysed."""
        analysis = analyse_workspace(Workspace(files), Catalog(), self._memory)
        for unit in analysis.units.values():
            unit.memory = None  # from here on others ask it, in their own thread
        return Reading(files, analysis)

    def take(self, reading: Reading) -> dict[str, tuple[Told, ...]]:
        """Make an analysis the last one. Gives the files to tell of: what is open, and what has other findings now.

        Of a file that is not open nobody is told what was wrong with it from the beginning.
        """
        found = reading.findings()
        is_first, self.reading = self.reading is None, reading
        self._good |= {file: unit for file, unit in reading.analysis.units.items() if not unit.tree.damage}
        self._good = {file: unit for file, unit in self._good.items() if file in reading.files}
        changed = {
            file: found.get(file, ())
            for file in {*found, *self._told}
            if not is_first and found.get(file, ()) != self._told.get(file, ())
        }
        self._told = found
        seen = {file: found.get(file, ()) for file in self.open}
        news = {file: told for file, told in seen.items() if self._shown.get(file) != (told, reading.files.get(file))}
        self._shown = {file: (told, reading.files.get(file)) for file, told in seen.items()}
        return {**changed, **news}

    def last_good(self, file: str) -> Unit | None:
        """The graph of a file, from the last time that its text had no fault of syntax."""
        current = self.reading.unit(file) if self.reading is not None else None
        return current if current is not None and not current.tree.damage else self._good.get(file, current)
