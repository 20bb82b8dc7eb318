"""`girih ingest` against a real server, broker and worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.api.process import ApiProcess, api_process, environment
from tests.cli.conftest import Girih

from girih.cli.ingest_sources import Source, Sources, read_ref
from girih.cli.ingest_tree import Change, Tree
from girih.embedded.valkey import start_valkey


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """A server with a worker beside it."""
    folder = tmp_path_factory.mktemp("ingest")
    broker = start_valkey(folder / "valkey")
    more = {"GIRIH_REDIS_URL": broker.url, "GIRIH_MAX_UPLOAD_MB": "1"}
    log = (folder / "worker.log").open("wb")
    command = [sys.executable, "-m", "girih.worker"]
    worker = subprocess.Popen(command, env=environment(database_url, folder / "data", **more), stdout=log, stderr=log)
    try:
        with api_process(database_url, folder, **more) as api:
            yield api
    finally:
        worker.terminate()
        worker.wait(30)
        log.close()
        broker.stop()


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    (folder / "inner").mkdir(parents=True)
    (folder / "lamps.md").write_text("# Lamps\n\nA lamp gives light.\n")
    (folder / "inner" / "chairs.html").write_text("<h1>Chairs</h1><p>A chair has four legs.</p>")
    (folder / ".hidden.md").write_text("# Not for ingestion")
    return folder


def test_documents_become_searchable_and_are_not_taken_twice(girih: Girih, published: Path, papers: Path) -> None:
    first = girih("ingest", "shelf", str(papers))
    assert first.code == 0, first.err
    assert first.out == "2 ready, 0 failed\n"
    assert "lamps.md: ready" in first.err
    assert "hidden" not in first.err
    second = girih("ingest", "shelf", str(papers))
    assert second.out == "2 ready, 0 failed\n"


def test_bad_documents_are_named_and_the_others_go_on(girih: Girih, published: Path, papers: Path) -> None:
    (papers / "empty.md").write_bytes(b"")
    (papers / "tool.exe").write_bytes(b"MZ")
    (papers / "large.md").write_bytes(b"x" * (2**20 + 1))
    (papers / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really a pdf")
    done = girih("ingest", "shelf", str(papers))
    assert done.code == 1
    assert done.out == "2 ready, 4 failed\n"
    for name in ("empty.md", "tool.exe", "large.md", "broken.pdf"):
        assert f"error: {name}: " in done.err
    assert "larger than the limit of 1 MB" in done.err
    assert "upload one of .pdf" in done.err


def test_metadata_is_sent_with_every_file(girih: Girih, server: ApiProcess, published: Path, tmp_path: Path) -> None:
    (tmp_path / "year.md").write_text("# A year\n\nIt was long.")
    told = ("--metadata", "year=2024", "--metadata", "team=house", "--metadata", 'tags=["a", "b"]')
    assert girih("ingest", "shelf", str(tmp_path / "year.md"), *told).out == "1 ready, 0 failed\n"
    listed = json.loads(girih("documents", "list", "shelf", "--name", "year.md", "--format", "json").out)
    [document] = listed["items"] if isinstance(listed, dict) else listed
    assert document["metadata"] == {"year": 2024, "team": "house", "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("given", "said"), [(["year"], "is no metadata"), (["year=1", "year=2"], "'year' is given twice")]
)
def test_metadata_that_is_none_is_usage(girih: Girih, papers: Path, given: list[str], said: str) -> None:
    done = girih("ingest", "shelf", str(papers), *(part for pair in given for part in ("--metadata", pair)))
    assert done.code == 2
    assert said in done.err


def test_a_link_that_leads_out_of_the_folder_is_left_out(girih: Girih, published: Path, papers: Path) -> None:
    (papers.parent / "private.md").write_text("# Private")
    (papers / "private.md").symlink_to(papers.parent / "private.md")
    (papers / "same.md").symlink_to(papers / "lamps.md")
    done = girih("ingest", "shelf", str(papers), str(papers))
    assert done.out == "3 ready, 0 failed\n"
    assert "private.md: left out, it is a link that leads out of" in done.err


def test_a_collection_that_is_not_there_stops_at_once(girih: Girih, published: Path, papers: Path) -> None:
    done = girih("ingest", "attic", str(papers))
    assert done.code == 1
    assert "attic" in done.err
    assert done.out == ""


def test_a_path_that_is_not_there_is_usage(girih: Girih, tmp_path: Path) -> None:
    assert girih("ingest", "shelf", str(tmp_path / "nowhere")).code == 2
    (tmp_path / "nothing").mkdir()
    assert girih("ingest", "shelf", str(tmp_path / "nothing")).code == 2


def test_detach_does_not_wait(girih: Girih, published: Path, papers: Path) -> None:
    done = girih("ingest", "shelf", str(papers / "lamps.md"), "--detach")
    assert done.code == 0
    assert "under way" in done.out or "1 ready" in done.out
    assert len(done.err.splitlines()) == 1, "one line for each document"
    assert "lamps.md: " in done.err


def test_documents_are_listed_shown_fetched_and_deleted(girih: Girih, published: Path, papers: Path) -> None:
    assert girih("ingest", "shelf", str(papers)).code == 0
    listed = {each["name"]: each for each in json.loads(girih("documents", "list", "shelf", "--format", "json").out)}
    assert set(listed) == {"lamps.md", "inner/chairs.html"}
    lamps = listed["lamps.md"]["id"]
    assert "A lamp gives light." in girih("documents", "chunks", lamps).out
    fetched = papers.parent / "fetched.md"
    assert girih("documents", "download", lamps, "--output", str(fetched)).code == 0
    assert fetched.read_bytes() == (papers / "lamps.md").read_bytes()
    assert girih("documents", "move", lamps).code == 2
    (papers / "lamps.md").unlink()
    gone = girih("ingest", "shelf", str(papers), "--delete")
    assert gone.out == "1 ready, 0 failed\n"
    assert "lamps.md" in gone.err
    assert "chairs" in girih("documents", "list", "shelf").out
    assert girih("documents", "show", lamps).code == 1


def test_documents_are_read_for_a_user_and_their_groups(
    girih: Girih, published: Path, papers: Path, server: ApiProcess, key: str
) -> None:
    assert girih("ingest", "shelf", str(papers / "lamps.md")).code == 0
    [lamps] = json.loads(girih("documents", "list", "shelf", "--format", "json").out)
    place, headers = f"{server.url}/v1/documents/{lamps['id']}", {"authorization": f"Bearer {key}"}
    assert httpx.patch(place, json={"readers": ["user:anna", "group:law"]}, headers=headers).is_success
    fetched = str(papers.parent / "fetched.md")
    for asker, may in ((("--user", "bob"), False), (("--group", "sales", "--group", "law"), True), ((), True)):
        assert ("lamps.md" in girih("documents", "list", "shelf", *asker).out) is may
        for action in (("show",), ("chunks",), ("download", "--output", fetched)):
            done = girih("documents", action[0], lamps["id"], *action[1:], *asker)
            assert (done.code, "named readers" in done.err) == ((0, False) if may else (4, True))


def names(girih: Girih) -> set[str]:
    return {one["name"] for one in json.loads(girih("documents", "list", "shelf", "--format", "json").out)}


def test_only_what_came_from_these_folders_is_deleted(
    girih: Girih, published: Path, papers: Path, tmp_path: Path, server: ApiProcess, key: str
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for number in range(3):
        (others / f"{number}.md").write_text(f"# Other {number}")
    for folder in (papers, others):
        assert girih("ingest", "shelf", str(folder)).code == 0
    by_hand = {"file": ("by hand.md", b"# By hand")}
    path = f"{server.url}/v1/collections/shelf/documents"
    assert httpx.post(path, files=by_hand, headers={"Authorization": f"Bearer {key}"}).status_code == 202
    (others / "0.md").unlink()
    kept = {"lamps.md", "inner/chairs.html", "by hand.md"}
    gone = girih("ingest", "shelf", str(others), "--delete")
    assert gone.code == 0
    assert "1 document of 3 that came from here have no file any more; 3 documents from elsewhere stay" in gone.err
    assert names(girih) == kept | {"1.md", "2.md"}
    (others / "1.md").unlink()
    (others / "2.md").rename(others / "new.md")
    asked = girih("ingest", "shelf", str(others), "--delete")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert names(girih) == kept | {"1.md", "2.md"}, "something was done before the answer"
    assert girih("ingest", "shelf", str(others), "--delete", "--yes").code == 0
    assert names(girih) == kept | {"new.md"}
    assert girih("ingest", "shelf", str(papers / "lamps.md"), "--delete").code == 0
    assert names(girih) == kept | {"new.md"}, "a file that was named stands for its folder"


def test_a_folder_is_known_again_in_another_place(
    girih: Girih, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checkout(name: str) -> Path:
        folder = tmp_path / name / "texts" / "manual"
        folder.mkdir(parents=True)
        for number in range(4):
            (folder / f"{number}.md").write_text(f"# Part {number}")
        monkeypatch.chdir(tmp_path / name)
        return folder

    whole = {f"{number}.md" for number in range(4)}
    checkout("one")
    assert girih("ingest", "shelf", "texts/manual", "--detach").code == 0
    second = checkout("two")
    (second / "3.md").unlink()
    asked = girih("ingest", "shelf", "texts/manual/", "--delete", "--detach")
    assert asked.code == 2
    assert "1 document of them came from a folder of the same name in another place" in asked.err
    assert "--source" in asked.err
    assert names(girih) == whole
    told = girih("ingest", "shelf", str(second), "--delete", "--detach", "--source", "texts/manual")
    assert told.code == 0, told.err
    assert names(girih) == whole - {"3.md"}
    # A folder of another name is another source, wherever it lies.
    (second / "2.md").unlink()
    other = girih("ingest", "shelf", str(second), "--delete", "--detach", "--source", "handbook")
    assert other.code == 0
    assert "stay" not in other.err
    assert names(girih) == whole - {"3.md"}
    assert girih("ingest", "shelf", str(second), "--source", "").code == 2


def test_folders_are_called_by_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "in" / "ner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    sources = Sources(None)
    for path, name in ((".", "here"), ("in/ner/", "in/ner"), ("..", tmp_path.name), ("./in/../in", "in")):
        assert sources.of_folder(Path(path)).name == name
    assert sources.of_file(Path("in/ner/a/b.md"), "a/b.md") == sources.of_folder(Path("in/ner"))
    assert read_ref(sources.of_folder(Path("in")).ref) == sources.of_folder(Path("in"))
    named = Sources("a: b").of_folder(Path("in"))
    assert read_ref(named.ref) == named == Source("a: b", "")
    assert read_ref("wiki:7") is read_ref(None) is None


class Watching:
    """A running `girih ingest --watch`, and what it says."""

    def __init__(self, folder: Path, server: ApiProcess, key: str, *options: str) -> None:
        command = [sys.executable, "-m", "girih.cli", "ingest", "shelf", str(folder), "--watch", *options]
        reach = os.environ | {"GIRIH_URL": server.url, "GIRIH_API_KEY": key}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=reach)

    def until(self, part: str) -> str:
        """The next line that holds this; fails where the command ends without it."""
        assert self.process.stderr is not None
        seen = ""
        for line in self.process.stderr:
            seen += line
            if part in line:
                return line
        raise AssertionError(f"{part!r} was not said: {seen}")


def test_watch_follows_new_changed_bad_and_deleted_files(
    girih: Girih, published: Path, papers: Path, server: ApiProcess, key: str
) -> None:
    watching = Watching(papers, server, key, "--delete")
    try:
        watching.until("lamps.md: ready")
        (papers / "new.md").write_text("# New\n\nA desk.\n")
        watching.until("new.md: ready")
        (papers / "new.md").write_text("# New\n\nA desk with drawers.\n")
        watching.until("new.md: ready")
        (papers / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really a pdf")
        assert "damaged" in watching.until("broken.pdf: failed")
        (papers / "new.md").unlink()
        watching.until("new.md: deleted")
        assert names(girih) == {"lamps.md", "inner/chairs.html", "broken.pdf"}
        papers.rename(papers.with_name("elsewhere"))
        watching.until("more than half, and they stay")
        watching.process.send_signal(signal.SIGINT)
        watching.until("stopped")
        assert watching.process.wait(30) == 130
    finally:
        watching.process.kill()
        watching.process.communicate()
    assert names(girih) == {"lamps.md", "inner/chairs.html", "broken.pdf"}


def test_a_file_counts_as_changed_once_it_is_at_rest(papers: Path) -> None:
    tree = Tree([papers])
    assert tree.changes() == Change({}, {})
    new = papers / "new.md"
    new.write_text("half a sen")
    assert tree.changes().settled == {}
    new.write_text("half a sentence, and the rest")
    assert tree.changes().settled == {}
    assert tree.changes().settled == {"new.md": new}
    assert tree.changes() == Change({}, {})
    new.unlink()
    assert tree.changes().gone == {"new.md": new}
    assert tree.changes() == Change({}, {})
