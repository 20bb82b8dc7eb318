"""Where the run of a response stands: on a new thread, on a conversation's, or behind the response before it."""

from __future__ import annotations

from uuid import UUID, uuid4

from girih.api.compat.openai.fields import wrong
from girih.api.compat.openai.options import OWN
from girih.api.compat.openai.response_ids import ResponseId
from girih.api.compat.openai.response_request import ResponseRequest, no_previous
from girih.api.compat.openai.response_sheet import kept_of
from girih.api.compat.openai.runs import start
from girih.db.tenancy import OrgScope
from girih.errors import GirihError, InvalidInput, NotFound, ThreadBusy
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.search_repository import Wanted
from girih.services.runs.thread_schemas import ForkIn, ThreadIn
from girih.wiring.server import Girih

MONTH = 30 * 86_400.0
"""Seconds for which a run waits for the app to come back with results."""
MADE_HERE: JsonObject = {OWN: "made for responses"}
"""The metadata of threads that nobody but this door knows of."""
_NAMES = {"format": "text.format"}


class Chains:
    """Starts the runs of responses for one caller."""

    def __init__(self, girih: Girih, scope: OrgScope) -> None:
        self._girih = girih
        self._scope = scope

    async def start(self, asked: ResponseRequest) -> RunOut:
        """The run. A response that is stored has a thread, so that another one can go on with it."""
        if asked.previous is not None:
            return await self._behind(asked, asked.previous)
        if asked.conversation is not None:
            return await self._start(asked, asked.conversation)
        if not asked.store:
            return await self._start(asked, None)
        thread = await self._girih.runs.threads.create(self._scope, ThreadIn(metadata=MADE_HERE))
        return await self._on_own(asked, UUID(thread.id))

    async def previous_run(self, previous: ResponseId) -> RunOut:
        """The run of the response before. Raises `InvalidInput` where there is none."""
        try:
            return await self._girih.runs.run(self._scope, previous.run_id)
        except NotFound:
            raise no_previous(str(previous)) from None

    async def forget(self, run: RunOut) -> None:
        """Delete the thread that was made for a run which is gone, unless other runs are on it."""
        if run.thread_id is None:
            return
        number = UUID(run.thread_id)
        thread = await self._girih.runs.threads.thread(self._scope, number)
        others = await self._girih.runs.runs(self._scope, Wanted(thread_id=number), limit=1)
        if thread.metadata == MADE_HERE and not others.items:
            await self._girih.runs.threads.delete(self._scope, number)

    async def _behind(self, asked: ResponseRequest, previous: ResponseId) -> RunOut:
        """On the thread of the response before, if nothing came after it; else on a copy that ends with it.

        Of all that go on with one response, the key lets a single one have its thread, however close they come.
        """
        run = await self.previous_run(previous)
        thread_id, state_id = await self._state_after(run, previous)
        thread = await self._girih.runs.threads.thread(self._scope, thread_id)
        if thread.state_id == str(state_id) and thread.status in ("idle", "error"):
            try:
                return await self._start(asked, thread_id, f"openai:behind:{run.id}")
            except ThreadBusy:
                pass
            except InvalidInput as fault:
                if "run_id" not in fault.details:
                    raise
        fork = await self._girih.runs.fork_thread(self._scope, thread_id, ForkIn(state_id=state_id, metadata=MADE_HERE))
        return await self._on_own(asked, UUID(fork.id))

    async def _on_own(self, asked: ResponseRequest, thread_id: UUID) -> RunOut:
        """The run on a thread that was made for it, and that goes again where the run is refused."""
        try:
            return await self._start(asked, thread_id)
        except GirihError:
            await self._girih.runs.threads.delete(self._scope, thread_id)
            raise

    async def _start(self, asked: ResponseRequest, thread_id: UUID | None, key: str | None = None) -> RunOut:
        own = kept_of(asked) | ({"once": uuid4().hex} if key is not None else {})
        body = RunIn(
            agent=asked.model,
            inputs=asked.inputs,
            messages=asked.said.messages,
            client=asked.client,
            metadata=asked.common.metadata | {OWN: own},
            user=asked.common.user,
            thread_id=thread_id,
            background=asked.background,
            ttl=MONTH,
            on_completion="keep" if asked.store else "delete",
        )
        return await start(self._girih, self._scope, body, key, _NAMES)

    async def _state_after(self, run: RunOut, previous: ResponseId) -> tuple[UUID, UUID]:
        """The thread of the run, and the state it was in when the run had ended."""
        if run.thread_id is None:
            raise wrong("previous_response_id", f"the response '{previous}' was not stored")
        if run.status != "succeeded":
            raise wrong(
                "previous_response_id", f"the response '{previous}' is {run.status}: it has no answer to go on with"
            )
        thread_id, cursor = UUID(run.thread_id), None
        while True:
            page = await self._girih.runs.threads.history(self._scope, thread_id, cursor=cursor)
            found = next((state.id for state in page.items if state.run_id == run.id and state.source == "run"), None)
            if found is not None:
                return thread_id, UUID(found)
            if page.next is None:
                raise wrong("previous_response_id", f"what the response '{previous}' left behind is not kept any more")
            cursor = page.next
