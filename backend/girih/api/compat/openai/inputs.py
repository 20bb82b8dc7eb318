"""The input of responses: items that only name another one are looked up, and what was asked is listed."""

from __future__ import annotations

import re
from typing import Literal
from uuid import UUID

from fastapi import Request

from girih.api.compat.openai.answers import Answers
from girih.api.compat.openai.fields import wrong
from girih.api.compat.openai.input_items import references, written
from girih.api.compat.openai.response_ids import ResponseId, no_such_response
from girih.db.tenancy import OrgScope
from girih.errors import NotFound
from girih.language.spec.tree import JsonObject, JsonValue
from girih.wiring.server import Girih

_ITEM = re.compile(r"(?:msg|fc)_([0-9a-f]{32}(?:_[1-9][0-9]{0,3})?)_[0-9]{1,6}")
MOST_REFERENCES = 50


class Inputs:
    """Reads inputs for one caller."""

    def __init__(self, girih: Girih, scope: OrgScope, request: Request) -> None:
        self._girih = girih
        self._scope = scope
        self._answers = Answers(girih, scope, request)

    async def with_items(self, body: JsonValue) -> JsonValue:
        """The body with the items in it that were only named."""
        value = body.get("input") if isinstance(body, dict) else None
        named = list(references(value))
        if not isinstance(body, dict) or not isinstance(value, list) or not named:
            return body
        if len(named) > MOST_REFERENCES:
            raise wrong("input", f"names at most {MOST_REFERENCES} items")
        items = list(value)
        for place, number in named:
            items[place] = await self._item(number, f"input[{place}].id")
        return body | {"input": items}

    async def listed(self, text: str, *, after: str | None, limit: int, order: Literal["asc", "desc"]) -> JsonObject:
        """One page of what a response was asked with."""
        run, response = await self._answers.find(text)
        items = await self._given(run.id, response.shown())
        if order == "desc":
            items.reverse()
        places = {str(item["id"]): place for place, item in enumerate(items, 1)}
        if after is not None and after not in places:
            raise wrong("after", "is no item of this response")
        begin = places[after] if after is not None else 0
        page = items[begin : begin + limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(items) > begin + limit,
        }

    async def _given(self, run_id: str, response: JsonObject) -> list[JsonObject]:
        """The items of the request: messages, or the results of the calls that the response before ended with."""
        number = UUID(run_id)
        if response["id"] == str(ResponseId(run_id)):
            view = await self._girih.runs.views.of(self._scope, number)
            return written(view.messages, number.hex)
        _, before = await self._answers.find(str(response["previous_response_id"]))
        wanted = {item["call_id"] for item in before.shown()["output"] if item["type"] == "function_call"}
        pauses = (await self._girih.runs.interrupts.of_run(self._scope, number)).items
        given = [pause for pause in pauses if pause.state == "answered" and pause.details.get("call_id") in wanted]
        results = [{"role": "tool", "call_id": one.details["call_id"], "content": one.answer} for one in given]
        return written(results, str(response["id"]).removeprefix("resp_"))

    async def _item(self, number: str, path: str) -> JsonObject:
        """The item of a response that has this id."""
        found = _ITEM.fullmatch(number)
        try:
            if found is None:
                raise no_such_response(number)
            _, response = await self._answers.find(f"resp_{found[1]}")
            return next(item for item in response.shown()["output"] if item["id"] == number)
        except (NotFound, StopIteration):
            raise wrong(path, f"Item with id '{number[:100]}' not found.", "item_not_found") from None
