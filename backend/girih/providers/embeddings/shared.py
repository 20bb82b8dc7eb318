"""The offline embedder as an API process or a worker sees it: the model is in a process that all of them share."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future, StreamReader, StreamWriter, Task
from collections.abc import Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

from girih.errors import Unavailable
from girih.providers.embeddings.household import Household
from girih.providers.embeddings.minilm_model import DIMS, FINGERPRINT, MODEL, NAME, clipped, require_installed
from girih.providers.embeddings.wire import Frame, Malformed, packed, questions, receive, vectors

ANSWER_SECONDS = 120.0
"""How long an answer may take, others' texts included; 64 texts take about two seconds."""


AGAIN_SECONDS = 0.05
"""How long after a process that was ending already the next one is looked for."""


class _Lost(Exception):
    """The connection ended before the answer came."""


class _NeverHeld(Exception):
    """Nothing was ever said on the connection: it reached a process that was ending."""


class SharedMiniLM:
    """Texts to unit vectors, made elsewhere. The first text starts that process, also after its end."""

    name = NAME
    model = MODEL
    dims = DIMS
    fingerprint = FINGERPRINT

    def __init__(self, household: Household) -> None:
        """Raises `Unavailable` where the local embedder is not installed."""
        require_installed()
        self._household = household
        # A connection belongs to the event loop it was opened on.
        self._lines: WeakKeyDictionary[AbstractEventLoop, _Line] = WeakKeyDictionary()

    def load(self) -> None:
        """Start the process, wait for its model, and keep both from now on. Raises `Unavailable`."""
        self._household.gather(loaded=True)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of 384 numbers per text; a single text goes before others' many.

        Raises `Unavailable` when the process cannot be started, or ends twice over the same texts.
        """
        made: list[list[float]] = []
        for portion in questions(clipped(texts)):
            made += await self._embedded(portion)
        return made

    async def _embedded(self, texts: list[str]) -> list[list[float]]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return vectors(await self._answered(texts), len(texts))
        except TimeoutError as fault:
            raise Unavailable(f"the embedding process did not answer in {ANSWER_SECONDS:.0f} seconds") from fault
        except Malformed as fault:
            raise Unavailable(f"the embedding process did not answer well: {fault}") from fault

    async def _answered(self, texts: list[str]) -> bytes:
        ends = 0
        while ends < 2:
            try:
                return await (await self._line()).ask(texts)
            except _Lost:
                ends += 1
            except _NeverHeld:
                await asyncio.sleep(AGAIN_SECONDS)
        raise Unavailable("the embedding process ended twice while it embedded these texts")

    async def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None or line.is_lost:
            await asyncio.to_thread(self._household.gather)
            line = self._lines.get(loop)  # another text may have been faster
        if line is None or line.is_lost:
            line = self._lines[loop] = _Line(str(self._household.address))
        return line

    def close(self) -> None:
        """Let go of the process."""
        self._household.leave()
        for line in list(self._lines.values()):
            line.close()


class _Line:
    """One connection on which any number of requests are under way."""

    def __init__(self, address: str) -> None:
        self.is_lost = False
        self._open: Future[bool] = asyncio.get_running_loop().create_future()
        self._writer: StreamWriter | None = None
        self._asked: dict[int, Future[Frame]] = {}
        self._number = 0
        self._life: Task[None] = asyncio.create_task(self._live(address))

    async def ask(self, texts: list[str]) -> bytes:
        """The vectors as bytes.

        Raises `_Lost`, `_NeverHeld`, and `Unavailable` for what the process says it cannot do.
        """
        if not await asyncio.shield(self._open):
            raise _NeverHeld
        if self.is_lost or self._writer is None:
            raise _Lost
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._writer.write(packed(Frame({"id": number, "texts": texts})))
            return _body(await answer)
        finally:
            self._asked.pop(number, None)

    def close(self) -> None:
        """Hang up, whichever thread this is, and also when the loop is closed already."""
        self.is_lost = True
        if self._writer is not None:
            with suppress(RuntimeError):
                self._writer.close()

    async def _live(self, address: str) -> None:
        """Connect, then give each answer to whoever asked, until the connection ends.

        A system lets connect to a process that was killed until all of it is gone; so a first answer is waited for.
        """
        try:
            reader, self._writer = await asyncio.open_unix_connection(address)
            self._writer.write(packed(Frame({"id": 0, "texts": []})))
            await receive(reader)
            self._open.set_result(True)
            await self._listen(reader)
        except (OSError, EOFError, Malformed):
            pass  # all that were asked learn of it below
        finally:
            self.is_lost = True
            if self._writer is not None:
                self._writer.close()
            if not self._open.done():
                self._open.set_result(False)
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(_Lost())

    async def _listen(self, reader: StreamReader) -> None:
        while True:
            frame = await receive(reader)
            answer = self._asked.get(frame.head.get("id", -1))
            if answer is not None and not answer.done():
                answer.set_result(frame)


def _body(answer: Frame) -> bytes:
    head = answer.head
    if "error" in head:
        raise Unavailable(str(head["error"]), help=str(head.get("help") or "") or None)
    return answer.body
