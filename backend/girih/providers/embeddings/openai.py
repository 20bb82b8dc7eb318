"""Embeddings of an OpenAI-compatible provider."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import Sequence

import openai
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

from girih.errors import Unavailable
from girih.providers.outbound import OPENAI_URL, ProviderClients, provider_clients
from girih.providers.retry_after import retry_after

_KNOWN_DIMS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_BATCH = 64
_SECONDS = 30.0
_ATTEMPTS = 3
_BULK_ATTEMPTS = 6
_LONGEST_WAIT = 60.0
"""Seconds. Who asks for more waits for somebody who tries again later, with what is done already kept."""
_FIRST_WAIT = 0.5


class OpenAIEmbedder:
    """Texts to unit vectors by a remote model; batches of 64, 30 seconds each.

    What fails for a moment is asked again: a single text, which somebody waits for, twice; many texts five times. A
    provider that says when to come back (`Retry-After`) is taken at its word, up to a minute.
    """

    name = "openai"

    def __init__(
        self, model: str, api_key: SecretStr, base_url: str = "", clients: ProviderClients | None = None
    ) -> None:
        """It sends with `clients`; without them it makes its own, guarded just the same."""
        clients = clients or provider_clients(base_url, _SECONDS)
        self.model = model
        self.dims = _KNOWN_DIMS.get(model, 0)
        where = hashlib.sha256(base_url.rstrip("/").encode()).hexdigest()[:12]
        self.fingerprint = f"openai:{where}:{model}"
        self._remote = OpenAIEmbeddings(
            model=model,
            openai_api_key=api_key,
            openai_api_base=base_url or OPENAI_URL,
            chunk_size=_BATCH,
            request_timeout=_SECONDS,
            max_retries=0,  # it would not wait as long as it is told to
            # Counting tokens locally would download a vocabulary.
            check_embedding_ctx_length=False,
            http_async_client=clients.http,
            http_client=clients.blocking,
            openai_proxy="",  # else OPENAI_PROXY of the environment is taken
        )

    def load(self) -> None:
        """Nothing: its model is elsewhere, and is not asked before there is a text."""

    def close(self) -> None:
        """Nothing: whoever made the clients closes them."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text. Raises `errors.Unavailable` when the provider does not answer well."""
        if not texts:
            return []
        attempts = _BULK_ATTEMPTS if len(texts) > 1 else _ATTEMPTS
        attempt = 1
        while True:
            try:
                return await self._asked(texts)
            except openai.APIError as fault:
                wait = _wait(fault, attempt)
                if wait is None or attempt == attempts or (len(texts) == 1 and wait > _FIRST_WAIT * 4):
                    raise _unavailable(fault) from fault
            await asyncio.sleep(wait)
            attempt += 1

    async def _asked(self, texts: Sequence[str]) -> list[list[float]]:
        """What the provider answers. Raises `openai.APIError`, and `Unavailable` for an answer that is none."""
        try:
            return self._checked(await self._remote.aembed_documents([text or " " for text in texts]), len(texts))
        except (ValueError, TypeError, AttributeError, LookupError) as fault:
            # The client takes an answer apart without a look at what it is.
            raise Unavailable("the embedding provider answered with something else than vectors") from fault

    def _checked(self, vectors: list[list[float]], expected: int) -> list[list[float]]:
        sizes = {len(vector) for vector in vectors}
        if len(vectors) != expected or len(sizes) != 1 or 0 in sizes or self.dims not in (0, max(sizes)):
            raise Unavailable("the embedding provider answered with vectors of the wrong number or size")
        self.dims = max(sizes)
        return [_unit(vector) for vector in vectors]


def _unit(vector: list[float]) -> list[float]:
    norm = math.sqrt(sum(value * value for value in vector))
    if not math.isfinite(norm) or norm == 0.0:
        raise Unavailable("the embedding provider answered with a vector that has no direction")
    return [value / norm for value in vector]


def _wait(fault: openai.APIError, attempt: int) -> float | None:
    """Seconds until the same may go well; `None` where it will not, or not soon."""
    if (
        isinstance(fault, openai.APIStatusError)
        and fault.status_code not in (408, 409, 429)
        and fault.status_code < 500
    ):
        return None
    told = retry_after(fault.response.headers) if isinstance(fault, openai.APIStatusError) else None
    if told is not None and told > _LONGEST_WAIT:
        return None
    # Those who were refused together do not come back together.
    own: float = _FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return own + (told or 0.0)


def _unavailable(fault: openai.APIError) -> Unavailable:
    if isinstance(fault, openai.AuthenticationError):
        return Unavailable("the embedding provider refused the key", help="check OPENAI_API_KEY")
    if isinstance(fault, openai.RateLimitError):
        return Unavailable("the embedding provider refuses more requests for now (429)", help="see its limits")
    return Unavailable(f"the embedding provider failed: {type(fault).__name__}")
