"""What references with a version mean by a graph of the same workspace: the version it has once it is published."""

from __future__ import annotations

from dataclasses import dataclass

from girih.language.spec.semantic import parse_range

_LATEST = "latest"
_PROD = "prod"


@dataclass(frozen=True)
class Own:
    """A graph of the workspace as it is going to be published beside what a server holds."""

    version: str
    digest: str
    is_first: bool
    """Whether none of that name is published yet."""

    def is_meant_by(self, ref: str) -> bool:
        """Whether `ref` means this version once it is published: it is the newest, and the first one is `prod`."""
        asked = parse_range(ref)
        if asked is not None:
            return asked.takes(self.version)
        return ref in (_LATEST, self.version, self.digest) or (self.is_first and ref == _PROD)
