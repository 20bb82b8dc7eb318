"""Which embedder a name means: the ladder from the local model over a remote one to hashing."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Mapping

from girih.errors import InvalidInput, Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.minilm_model import require_installed

_log = logging.getLogger(__name__)

DEFAULT_NAMES = frozenset({"default", "auto"})


class Embedders:
    """Embedders by name, each made once, when it is first asked for.

    `default` (and `auto`) mean the operator's choice; the choice `auto` is MiniLM where it is installed, else hashing.
    """

    def __init__(
        self,
        choice: str = "auto",
        *,
        openai: Callable[[], Embedder] | None = None,
        minilm: Callable[[], Embedder] | None = None,
    ) -> None:
        """`choice` is the operator's setting; `openai` makes the remote embedder where a key is set.

        `minilm` makes the local one; without it, its model is loaded into this process.
        """
        makers: dict[str, Callable[[], Embedder]] = {"minilm": minilm or minilm_in_process, "hashing": Hashing}
        self._makers: Mapping[str, Callable[[], Embedder]] = makers | ({"openai": openai} if openai else {})
        self._choice = choice
        self._made: dict[str, Embedder] = {}
        self._making = threading.Lock()

    def get(self, name: str) -> Embedder:
        """The embedder of that name. Raises `Unavailable` if this server lacks it, `InvalidInput` for a wrong name."""
        with self._making:
            if name in DEFAULT_NAMES:
                return self._default()
            return self._named(name)

    def require(self, name: str) -> None:
        """Raise `Unavailable` if this server lacks the embedder of that name; loads nothing."""
        name = self._choice if name in DEFAULT_NAMES else name
        if name == "minilm":
            require_installed()
        if name not in DEFAULT_NAMES and name not in self._makers:
            raise _without_key()

    def load_default(self) -> None:
        """Make what `default` means ready for its first text. Raises `Unavailable`."""
        self.get("default").load()

    def close(self) -> None:
        """Let go of what the embedders hold open."""
        with self._making:
            for embedder in self._made.values():
                embedder.close()

    def _default(self) -> Embedder:
        if self._choice not in DEFAULT_NAMES:
            return self._named(self._choice)
        try:
            return self._named("minilm")
        except Unavailable as fault:
            _log.warning("%s; texts are embedded by hashing, which finds words but not meaning", fault.message)
            return self._named("hashing")

    def _named(self, name: str) -> Embedder:
        if name not in ("minilm", "openai", "hashing"):
            raise InvalidInput(f"there is no embedder `{name}`", help="use default, minilm, openai or hashing")
        if name not in self._makers:
            raise _without_key()
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]


def _without_key() -> Unavailable:
    return Unavailable("the embedder `openai` needs a key", help="set OPENAI_API_KEY")


def minilm_in_process() -> Embedder:
    """The local embedder with its model in this process, which takes 200 MB. Raises `Unavailable`."""
    require_installed()
    made: Embedder = importlib.import_module("girih.providers.embeddings.minilm").MiniLM()  # numpy and onnxruntime
    return made
