"""LangGraph's React hook in a page of another origin, in a real browser, against a server process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.api.process import api_process
from tests.compat.conftest import Served
from tests.compat.pages import Page, open_browser, open_page, pages
from tests.compat.shop import Shop

IDLE = "document.querySelector('#state')?.textContent === 'idle'"
BUSY = "document.querySelector('#state')?.textContent === 'busy'"
TEXTS = "[...document.querySelectorAll('.text')].map((one) => one.textContent)"


@dataclass(frozen=True)
class Place:
    """Where the page is, the server it speaks to, and the browser."""

    origin: str
    url: str
    key: str
    protocol: str

    def page(self, assistant: str, thread: str | None = None) -> AbstractContextManager[Page]:
        """The chat with an agent."""
        given = {"apiUrl": f"{self.url}/langgraph", "apiKey": self.key, "assistant": assistant}
        more = {"thread": thread} if thread is not None else {}
        return open_page(self.protocol, f"{self.origin}/?{urlencode(given | more)}")


@pytest.fixture(scope="module")
def place(trading: Served, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        pages("langgraph_page.jsx", tmp_path_factory.mktemp("page")) as origin,
        api_process(
            trading.database_url,
            tmp_path_factory.mktemp("cors"),
            GIRIH_CORS_ORIGINS=json.dumps([origin]),
            GIRIH_ENDPOINTS=shop.bound,
        ) as api,
        open_browser(tmp_path_factory.mktemp("browser")) as protocol,
    ):
        yield Place(origin, api.url, trading.key, protocol)


def say(page: Page, text: str) -> None:
    """Write and send."""
    page.until(IDLE)
    page.run(f"document.querySelector('[name=said]').value = {json.dumps(text)}")
    page.click("#send")


def answered(page: Page, number: int) -> list[str]:
    """The texts once there are so many and nothing is under way."""
    page.until(f"{IDLE} && {TEXTS}.length === {number}")
    return list(page.run(TEXTS))


def growing(page: Page) -> list[str]:
    """What the last message was, from the first piece on."""
    told: list[list[list[str]]] = page.run("seen.texts")
    return [one[-1][2] for one in told if one and one[-1][0] == "ai"]


def test_an_answer_grows_and_stands_once(place: Place) -> None:
    with place.page("ui-slow") as page:
        say(page, "One?")
        page.until(f"{BUSY} && {TEXTS}.length === 2 && {TEXTS}[1].length > 0")
        texts = answered(page, 2)
        grown = growing(page)
        assert len(set(grown)) > 10
        assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
        assert (texts[0], texts[1]) == ("One?", grown[-1])
        say(page, "Two?")
        assert answered(page, 4)[:3] == [*texts, "Two?"]
        ids = page.run("stream.messages.map((one) => one.id)")
        assert len(set(ids)) == 4
        assert page.run("seen.errors") == []
        assert page.run("seen.finished") == 2
        assert len(page.run("seen.created")) == 2


def test_a_question_is_shown_and_answered(place: Place) -> None:
    with place.page("lg-ask") as page:
        say(page, "Shall I?")
        page.click("[data-choice=yes]")
        texts = answered(page, 2)
        assert texts[0] == "Shall I?"
        assert "Shall I?" in texts[1]
        assert page.run("stream.interrupts") == []
        assert page.run("seen.errors") == []


def test_a_question_is_still_there_when_the_page_comes_back(place: Place) -> None:
    with place.page("lg-ask") as page:
        say(page, "Shall I?")
        page.until("document.querySelector('[data-choice=yes]') !== null")
        page.until(IDLE)
        page.call("Page.reload")
        page.click("[data-choice=no]")
        assert answered(page, 2)[0] == "Shall I?"


def test_a_page_that_is_loaded_again_goes_on_with_the_answer(place: Place) -> None:
    with place.page("lgj-long") as page:
        say(page, "One?")
        page.until(f"{BUSY} && {TEXTS}.length === 2 && {TEXTS}[1].length > 20")
        page.call("Page.reload")
        page.until(f"window.seen?.texts?.length > 0 && {BUSY}")
        texts = answered(page, 2)
        grown = growing(page)
        assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
        assert len(set(grown)) > 3
        thread = page.run("new URLSearchParams(location.search).get('thread')")
        state: Any = page.run(f"stream.client.threads.getState({json.dumps(thread)})")
        assert [one["content"] for one in state["values"]["messages"]] == texts
        assert page.run("seen.errors") == []


def test_an_answer_is_stopped(place: Place) -> None:
    with place.page("lgj-long") as page:
        say(page, "One?")
        page.until(f"{BUSY} && {TEXTS}.length === 2 && {TEXTS}[1].length > 0")
        run = page.run("seen.created[0]")
        page.click("#stop")
        page.until(IDLE)
        status = f"stream.client.runs.get({json.dumps(run['thread_id'])}, {json.dumps(run['run_id'])})"
        page.until(f"{status}.then((run) => run.status === 'interrupted')")
        say(page, "Two?")
        page.until(f"{TEXTS}[1] === 'Two?' && {TEXTS}[2]?.length > 0")
        assert page.run(TEXTS)[0] == "One?"
        assert page.run("seen.errors") == []
        page.click("#stop")


def test_a_message_is_written_anew_on_a_branch_of_its_own(place: Place) -> None:
    with place.page("echo") as page:
        say(page, "One?")
        answered(page, 2)
        say(page, "Two?")
        first = answered(page, 4)
        for at, text in ((2, "Three?"), (0, "Four?")):
            page.run(
                f"void stream.submit({{messages: [{{type: 'human', content: {json.dumps(text)}}}]}}, "
                f"{{checkpoint: stream.getMessagesMetadata(stream.messages[{at}], {at})"
                ".firstSeenState.parent_checkpoint})"
            )
            page.until(f"{IDLE} && {TEXTS}[{at}] === {json.dumps(text)} && {TEXTS}.length === {at + 2}")
            assert text in page.run(TEXTS)[at + 1]
        assert page.run(TEXTS)[0] == "Four?"
        page.click("[data-branch='0']")
        page.until(f"{TEXTS}.length === 4")
        page.until("document.querySelectorAll('nav').length === 2")
        page.run("document.querySelectorAll('nav')[1].querySelector('[data-branch=\"0\"]').click()")
        page.until(f"JSON.stringify({TEXTS}) === {json.dumps(json.dumps(first, separators=(',', ':')))}")
        assert page.run("seen.errors") == []


def test_an_answer_is_given_anew_on_a_branch_of_its_own(place: Place) -> None:
    with place.page("echo") as page:
        say(page, "One?")
        first = answered(page, 2)
        page.run(
            "void stream.submit(undefined, {checkpoint: stream.getMessagesMetadata(stream.messages[1], 1)"
            ".firstSeenState.parent_checkpoint})"
        )
        page.until("seen.created.length === 2")
        page.until(f"{IDLE} && document.querySelectorAll('[data-type=ai] nav button').length === 2")
        assert page.run(TEXTS) == first
        assert page.run("document.querySelectorAll('[data-type=human] nav').length") == 0
        ids = page.run("stream.messages.map((one) => one.id)")
        page.click("[data-branch='0']")
        page.until(f"stream.messages[1].id !== {json.dumps(ids[1])}")
        assert page.run("stream.messages[0].id") == ids[0]


TYPES = "[...document.querySelectorAll('section')].map((one) => one.dataset.type)"
STATES = "[...document.querySelectorAll('[data-tool]')].map((one) => [one.dataset.tool, one.dataset.state])"


def test_calls_of_tools_and_their_results_are_shown_and_stay(place: Place) -> None:
    with place.page("lgt-buyer") as page:
        say(page, "How much?")
        for loaded in range(2):
            answered(page, 5)
            assert page.run(TYPES) == ["human", "ai", "tool", "tool", "ai"]
            assert page.run(STATES) == [["price", "completed"], ["price", "error"]]
            assert json.loads(page.run("document.querySelector('[data-tool]').textContent")) == {"price": 4}
            if not loaded:
                page.run("window.isOld = true")
                page.call("Page.reload")
                page.until("window.isOld === undefined && document.querySelector('#state') !== null")
        say(page, "And now?")
        assert answered(page, 10)[-1] == "Tea costs four."
        assert len(set(page.run("stream.messages.map((one) => one.id)"))) == 10
        assert page.run("seen.errors") == []


@pytest.mark.parametrize(("decision", "state"), [("approve", "completed"), ("reject", "error")])
def test_a_call_is_decided_on_in_the_page(place: Place, decision: str, state: str) -> None:
    with place.page("lgt-clerk") as page:
        say(page, "Please.")
        page.until(f"{IDLE} && document.querySelector('[data-decision={decision}]') !== null")
        assert page.run(TYPES) == ["human", "ai"]
        assert page.run(STATES) == [["order", "pending"]]
        page.click(f"[data-decision={decision}]")
        assert answered(page, 4)[-1] == "It is done."
        assert page.run(TYPES) == ["human", "ai", "tool", "ai"]
        assert page.run(STATES) == [["order", state]]
        assert page.run("stream.interrupts") == []
        assert page.run("seen.errors") == []


def test_a_failure_is_shown(place: Place) -> None:
    with place.page("ui-broken") as page:
        say(page, "One?")
        page.until(f"{IDLE} && document.querySelector('[role=alert]') !== null")
        (told,) = set(page.run("seen.errors"))
        assert "int(inputs.message)" in told
        assert page.run("document.querySelector('[role=alert]').textContent") == told


def test_an_unknown_agent_is_told_in_the_page(place: Place) -> None:
    with place.page("no-such-agent") as page:
        say(page, "One?")
        page.until(f"{IDLE} && document.querySelector('[role=alert]') !== null")
        assert "no-such-agent" in page.run("document.querySelector('[role=alert]').textContent")
