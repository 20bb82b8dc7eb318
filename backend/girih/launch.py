"""How a long-lived process starts: its modules load without garbage collection, and stay out of it for good."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

UNUSED = (
    *("rich", "charset_normalizer", "chardet", "opentelemetry.sdk", "h2", "httpx2", "psutil"),
    *("rfc3987_syntax", "isoduration", "webcolors", "fqdn", "uri_template"),
)
"""What libraries look for as they load and do without: colours for faults, guesses at encodings, spans of their own,
HTTP/2, a second HTTP client, figures of the machine, grammars for the `format` of a JSON schema, which only notes what
a text is. No server uses them through these libraries, and each would hold their memory, up to 40 MB in all."""
GATHERING = ("langgraph_sdk", "langsmith.types")
"""Packages that load all they have as soon as one of their modules is asked for. LangGraph and LangSmith ask for a
type each; a client for other servers and hundreds of models of an API would come with it, 7 MB in all."""


def launch(module: str) -> int:
    """Load a module and run its `main`; gives the exit code.

    What loading makes is there to stay. Collecting in between only looks at it again and again, a sixth of the time;
    frozen, it is not looked at later either, and forked processes go on sharing its memory.
    """
    gc.disable()
    try:
        with _without(UNUSED), _ungathered(GATHERING):
            loaded = importlib.import_module(module)
            if "httpx" in sys.modules:
                importlib.import_module("httpcore")  # httpx loads it with its first client, and h2 would come along
        gc.freeze()
    finally:
        gc.enable()
    return int(loaded.main())


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Let these look as if they were not installed. Who asks for them by name later finds them."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, object] = dict.fromkeys(hidden)
    sys.modules.update(modules)  # type: ignore[arg-type]  # - `None` is how Python says "not to be found"
    try:
        with warnings.catch_warnings():
            # requests says so when it cannot guess encodings; only the tracing of LangSmith would use it.
            warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
            yield
    finally:
        for name in hidden:
            del sys.modules[name]


class _Ungathered(MetaPathFinder):
    """Finds packages by name, but leaves out their own code: what their modules are, not what they gather."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a package's modules lie; a specification without a loader executes nothing."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._names else None
        if spec is None or spec.submodule_search_locations is None:
            return None
        bare = ModuleSpec(fullname, None, is_package=True)
        bare.submodule_search_locations = list(spec.submodule_search_locations)
        return bare


@contextmanager
def _ungathered(names: tuple[str, ...]) -> Iterator[None]:
    """Let modules of these packages load on their own. Who asks for a package itself later finds it whole."""
    bare = [name for name in names if name not in sys.modules]
    finder = _Ungathered(tuple(bare))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in bare:
            parent, _, own = name.rpartition(".")
            if sys.modules.pop(name, None) and parent:
                delattr(sys.modules[parent], own)
