"""One process holds the model for all: who starts it, who comes first, what happens when it or its users end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.embedded.processes import alive, wait_until
from girih.errors import Unavailable
from girih.providers.embeddings import household as households
from girih.providers.embeddings import shared as sharing
from girih.providers.embeddings.household import Household
from girih.providers.embeddings.minilm import MiniLM
from girih.providers.embeddings.minilm_model import LONGEST_TEXT
from girih.providers.embeddings.process import MiniLM as ProcessModel
from girih.providers.embeddings.process import Server
from girih.providers.embeddings.shared import SharedMiniLM
from girih.providers.embeddings.wire import (
    LARGEST,
    MOST_TEXTS,
    Frame,
    Malformed,
    packed,
    questions,
    receive_blocking,
    vectors,
)
from girih.settings import Settings
from girih.wiring.knowledge import make_embedders

PASSAGE = "The quick brown fox returns a parcel to the shop and asks for its money. " * 12


class Home:
    """A data folder and a private place for sockets, shared by any number of embedders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "s"
        self.made: list[tuple[Household, SharedMiniLM]] = []

    def embedder(self, idle: float | None = None) -> SharedMiniLM:
        """One as a process of its own would have it."""
        household = Household(self.folder, folder=self.place, idle=idle)
        self.made.append((household, SharedMiniLM(household)))
        return self.made[-1][1]

    def pids(self) -> set[int]:
        """The embedding processes that live."""
        started = [household._started for household, _ in self.made]
        return {process.pid for process in started if process is not None and process.poll() is None}

    def leave(self) -> None:
        for _, embedder in self.made:
            embedder.close()


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    # A socket's path is short on some systems, and pytest's own folders are long.
    with tempfile.TemporaryDirectory(prefix="girih-", dir="/tmp") as folder:
        home = Home(Path(folder))
        try:
            yield home
        finally:
            home.leave()
            assert await asyncio.to_thread(wait_until, lambda: not home.pids(), 20), (
                "the embedding process outlives its users"
            )
            for household, _ in home.made:
                assert not household.address.exists()


async def test_the_vectors_are_those_of_the_model_in_this_process(home: Home) -> None:
    texts = ["How do I return a product?", "", "Die Katze schläft.", "\ud800", "日本", PASSAGE]
    assert await home.embedder().embed(texts) == await MiniLM().embed(texts)
    assert await home.embedder().embed([]) == []


async def test_two_users_share_one_process(home: Home) -> None:
    one, other = home.embedder(), home.embedder()
    await asyncio.gather(asyncio.to_thread(one.load), asyncio.to_thread(other.load))
    assert await one.embed(["x"]) == await other.embed(["x"])
    assert len(home.pids()) == 1
    one.close()
    await asyncio.sleep(1.5)
    assert len(home.pids()) == 1, "the other one still needs it"
    assert await other.embed(["y"])


async def test_a_question_does_not_wait_for_bulk(home: Home) -> None:
    worker, api = home.embedder(), home.embedder()
    await worker.embed(["warm"])
    bulk = asyncio.create_task(worker.embed([PASSAGE] * 60))
    await asyncio.sleep(0.05)
    for _ in range(3):
        await api.embed(["How do I return it?"])
    assert not bulk.done()
    assert len(await bulk) == 60


async def test_bulk_takes_turns(home: Home) -> None:
    one, other = home.embedder(), home.embedder()
    await one.embed(["warm"])
    long = asyncio.create_task(one.embed([PASSAGE] * 40))
    await asyncio.sleep(0.05)
    await other.embed([PASSAGE] * 4)
    assert not long.done()
    await long


async def test_a_request_in_flight_survives_the_process(home: Home) -> None:
    embedder = home.embedder()
    await embedder.embed(["warm"])
    [before] = home.pids()
    flying = asyncio.create_task(embedder.embed([PASSAGE] * 60))
    await asyncio.sleep(0.1)
    asked = asyncio.create_task(home.embedder().embed(["a question"]))
    os.kill(before, signal.SIGKILL)
    assert not flying.done()
    assert len(await flying) == 60
    assert len(await asked) == 1
    assert before not in home.pids()
    assert await asyncio.to_thread(wait_until, lambda: len(home.pids()) == 1, 20)


async def test_a_process_that_is_ending_is_no_answer(home: Home) -> None:
    """As a killed one looks from outside until the system has cleared it away: it takes connections and drops them."""
    embedder = home.embedder()
    [(household, _)] = home.made
    taken: list[asyncio.StreamWriter] = []

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        if len(taken) == 5:
            household.address.unlink()
            dying.close()
            taken[0].close()
        if len(taken) > 1:  # the one that says that somebody is there is dropped last
            writer.close()

    dying = await asyncio.start_unix_server(drop, household.address)
    await asyncio.to_thread(household.gather)
    assert len(await embedder.embed(["after it"])) == 1
    assert len(taken) >= 5
    assert len(home.pids()) == 1


async def test_a_process_that_ends_twice_is_said(home: Home) -> None:
    embedder = home.embedder()
    await embedder.embed(["warm"])
    flying = asyncio.create_task(embedder.embed([PASSAGE] * 64))
    killed: set[int] = set()
    while not flying.done():
        for pid in home.pids() - killed:
            if not killed or ((line := next(iter(embedder._lines.values()))).__dict__["_asked"] and not line.is_lost):
                await asyncio.sleep(0.1)
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="ended twice"):
        await flying
    assert len(await embedder.embed(["again"])) == 1


async def test_it_ends_when_nothing_is_asked_and_comes_back(home: Home) -> None:
    embedder = home.embedder(idle=0.5)
    await embedder.embed(["x"])
    [first] = home.pids()
    assert await asyncio.to_thread(wait_until, lambda: not home.pids(), 20)
    assert len(await embedder.embed(["y"])) == 1
    assert home.pids() != {first}


def test_it_ends_with_a_user_that_is_killed(home: Home) -> None:
    script = (
        "import asyncio, sys, time\nfrom pathlib import Path\n"
        "from girih.providers.embeddings.household import Household\n"
        "household = Household(Path(sys.argv[1]), folder=Path(sys.argv[2]))\n"
        "household.gather(loaded=True)\n"
        "print(household._started.pid, flush=True)\ntime.sleep(60)\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", script, str(home.folder), str(home.place)], stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    with user.stdout:
        pid = int(user.stdout.readline())
    assert alive(pid)
    user.kill()
    user.wait()
    assert wait_until(lambda: not alive(pid), 20)


async def test_an_oversized_text_is_cut_and_many_texts_are_divided(home: Home) -> None:
    embedder = home.embedder()
    huge = "word " * 2_000_000
    [vector] = await embedder.embed([huge])
    assert [vector] == await MiniLM().embed([huge[:LONGEST_TEXT]])
    assert len(await embedder.embed(["a"] * (2 * MOST_TEXTS + 1))) == 2 * MOST_TEXTS + 1


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ((LARGEST + 1).to_bytes(4, "big") + bytes(4), "may hold"),
        (bytes(4) + (LARGEST + 1).to_bytes(4, "big"), "may hold"),
        (b"\0\0\0\4\0\0\0\0nope", "JSON"),
        (b"\0\0\0\2\0\0\0\0[]", "object"),
        (packed(Frame({"id": 1, "texts": [1]})), "texts"),
        (packed(Frame({"id": 1, "texts": ["x"] * (MOST_TEXTS + 1)})), "at most"),
        (b"\0\0", ""),
    ],
)
async def test_what_is_no_request_ends_its_connection_alone(home: Home, sent: bytes, why: str) -> None:
    embedder = home.embedder()
    await embedder.embed(["warm"])
    [(household, _)] = home.made
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(household.address))
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        stranger.settimeout(10)
        if why:
            assert why in (await asyncio.to_thread(receive_blocking, stranger)).head["error"]
        assert stranger.recv(1) == b""
    assert len(await embedder.embed(["still there"])) == 1


def test_a_folder_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(Unavailable, match="this user alone"):
        Household(tmp_path, folder=tmp_path / "open")
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(Unavailable, match="this user alone"):
        Household(tmp_path, folder=tmp_path / "link")
    with pytest.raises(Unavailable, match="no socket"):
        Household(tmp_path, folder=tmp_path / ("long" * 30))


def test_without_a_place_for_a_socket_the_model_is_loaded_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    local = make_embedders(Settings(data_dir=tmp_path, embedder="minilm"), None).get("default")
    assert isinstance(local, MiniLM)
    assert "loaded into this process" in caplog.text


def test_the_operator_decides_whether_it_is_shared(tmp_path: Path) -> None:
    shared, own = (
        make_embedders(Settings(data_dir=tmp_path, embedder="minilm", embedder_process=wanted), None).get("default")
        for wanted in (True, False)
    )
    assert isinstance(shared, SharedMiniLM)
    assert isinstance(own, MiniLM)
    assert (shared.name, shared.model, shared.dims, shared.fingerprint) == (
        own.name,
        own.model,
        own.dims,
        own.fingerprint,
    )


async def test_a_process_that_cannot_start_says_why(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = home.folder / "broken"
    (broken / "numpy").mkdir(parents=True)
    (broken / "numpy" / "__init__.py").write_text("raise ImportError('numpy is broken here')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(Unavailable, match="numpy is broken here"):
        await home.embedder().embed(["x"])
    monkeypatch.delenv("PYTHONPATH")
    home.made.clear()


async def test_one_that_does_not_answer_is_not_waited_for_for_ever(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(households, "_LOAD_SECONDS", 0.3)
    embedder = home.embedder()
    embedder._household.gather()
    [pid] = home.pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            await embedder.embed(["x"])
        with pytest.raises(Unavailable):
            home.embedder().load()
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_model_that_cannot_be_loaded_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with tempfile.TemporaryDirectory(prefix="girih-", dir="/tmp") as folder:
        place = Path(folder) / "x.sock"
        serving = asyncio.create_task(Server(ProcessModel(tmp_path / "model.onnx"), 60).serve(place))
        while not place.exists():
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_unix_connection(str(place))
        writer.write(packed(Frame({"id": 3, "texts": ["x"]})))
        answer = await asyncio.to_thread(lambda: None) or await sharing.receive(reader)
        assert answer.head["id"] == 3
        assert "SHA-256" in answer.head["error"]
        writer.close()
        await asyncio.wait_for(serving, 20)
        assert not place.exists()


@given(st.lists(st.text(max_size=50), max_size=200))
def test_portions_keep_order_and_fit(texts: list[str]) -> None:
    portions = questions(texts)
    assert [text for portion in portions for text in portion] == texts
    for portion in portions:
        assert 0 < len(portion) <= MOST_TEXTS
        packed(Frame({"id": 10**12, "texts": portion}))


def test_the_longest_texts_fit_a_frame() -> None:
    for portion in questions(["\U0001f9ff" * LONGEST_TEXT] * 7):
        packed(Frame({"id": 10**12, "texts": portion}))


def test_an_answer_of_another_size_is_malformed() -> None:
    with pytest.raises(Malformed, match="vectors"):
        vectors(bytes(12), 1)
    with pytest.raises(Malformed):
        packed(Frame({}, bytes(LARGEST + 1)))


def test_nothing_heavy_is_loaded_by_those_who_share() -> None:
    script = (
        "import sys; import girih.providers.embeddings.shared, girih.providers.embeddings.ladder;"
        "import girih.api.server, girih.worker.ingestion, girih.worker.running;"
        "print([m for m in ('numpy', 'onnxruntime', 'alembic') if m in sys.modules])"
    )
    began = time.monotonic()
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]", began
