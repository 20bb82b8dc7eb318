"""Runs survive what happens to processes: workers killed, frozen and stopped, the broker and the database restarted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from tests.acceptance.fleet import Fleet, Member, begin, check_whole, events, fleet, publish, until

from girih.jobs import RUN, make_client

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def place() -> Iterator[Fleet]:
    with fleet(GIRIH_SHUTDOWN_GRACE="0.2", GIRIH_BACKGROUND_AFTER="600") as made:
        yield made


@pytest.fixture(scope="module")
def api(place: Fleet) -> Member:
    return place.api()


@pytest.fixture(scope="module")
def client(place: Fleet, api: Member) -> Iterator[httpx.Client]:
    with place.client(api) as client:
        publish(client)
        yield client


@pytest.fixture
def workers(place: Fleet) -> list[Member]:
    """Two workers that are alive."""
    alive = [member for member in place.members if member.name.startswith("worker") and member.process.poll() is None]
    return [*alive, *(place.worker() for _ in range(2 - len(alive)))]


def row(place: Fleet, run_id: str) -> tuple[str, int, int]:
    ((status, attempt, crashes),) = place.sql("SELECT status, attempt, crashes FROM runs WHERE id = $1", UUID(run_id))
    return status, attempt, crashes


def test_a_killed_worker_hands_over_and_each_result_is_there_once(
    place: Fleet, client: httpx.Client, workers: list[Member]
) -> None:
    runs = [begin(client, "slow") for _ in range(4)]
    holder = place.in_the_middle(runs[0])
    assert holder in workers
    holder.kill()
    place.worker()
    for run in runs:
        check_whole(events(client, run))
    status, attempt, crashes = row(place, runs[0])
    assert (status, attempt, crashes) == ("succeeded", 2, 1)


def test_a_worker_that_stops_hands_on_at_once_and_exits_with_0(
    place: Fleet, client: httpx.Client, workers: list[Member]
) -> None:
    run = begin(client, "slow")
    holder = place.in_the_middle(run)
    assert holder.stop() == 0, holder.said()
    check_whole(events(client, run))
    assert row(place, run) == ("succeeded", 2, 0)


def test_a_frozen_worker_changes_nothing_when_it_thaws(
    place: Fleet, client: httpx.Client, workers: list[Member]
) -> None:
    run = begin(client, "slow")
    holder = place.in_the_middle(run)
    holder.send(signal.SIGSTOP)
    check_whole(events(client, run))
    written = """
        SELECT 'run', xmin::text, ctid::text FROM runs WHERE id = $1 UNION ALL
        SELECT 'event', xmin::text, ctid::text FROM run_events WHERE run_id = $1 UNION ALL
        SELECT 'checkpoint', xmin::text, ctid::text FROM run_checkpoints WHERE run_id = $1 UNION ALL
        SELECT 'write', xmin::text, ctid::text FROM run_checkpoint_writes WHERE run_id = $1
    """
    before = sorted(place.sql(written, UUID(run)))
    holder.send(signal.SIGCONT)
    until(lambda: "taken this run over" in holder.said())
    assert sorted(place.sql(written, UUID(run))) == before
    assert row(place, run)[:2] == ("succeeded", 2)
    assert holder.process.poll() is None


def test_a_run_is_cancelled_in_another_process(place: Fleet, client: httpx.Client, workers: list[Member]) -> None:
    run = begin(client, "long")
    until(lambda: place.holder(run))
    client.post(f"/v1/runs/{run}/cancel")
    found = events(client, run)
    assert found[-1]["type"] == "run.cancelled"
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))


def test_every_ring_three_times(place: Fleet, client: httpx.Client, workers: list[Member]) -> None:
    run = begin(client, "slow")
    bell = make_client(place.valkey.url)
    for _ in range(3):
        bell.send_task(RUN, args=[run])
        bell.send_task(RUN, args=["no-id"])
    check_whole(events(client, run))
    for _ in range(3):
        bell.send_task(RUN, args=[run])
    again = begin(client, "quick")
    check_whole(events(client, again))
    assert row(place, run) == ("succeeded", 1, 0)


def test_the_broker_is_killed_and_forgets_everything(place: Fleet, client: httpx.Client, workers: list[Member]) -> None:
    before = begin(client, "slow")
    place.in_the_middle(before)
    place.kill_valkey()
    meanwhile = [begin(client, "quick") for _ in range(3)]
    for run in (before, *meanwhile):
        check_whole(events(client, run))
    place.restart_valkey(flushed=True)
    check_whole(events(client, begin(client, "quick")))
    assert all(worker.process.poll() is None for worker in workers)


def test_a_worker_stops_while_the_broker_is_away(place: Fleet, client: httpx.Client, workers: list[Member]) -> None:
    check_whole(events(client, begin(client, "quick")))
    known = len(workers[0].said())
    place.kill_valkey()
    # Lost, or not found again since the last time it went away.
    until(lambda: any(word in workers[0].said()[known:] for word in ("Connection to broker lost", "Cannot connect to")))
    assert workers[0].stop() == 0, workers[0].said()
    place.restart_valkey()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_the_database_restarts_under_runs_and_readers(
    place: Fleet, client: httpx.Client, workers: list[Member], how: int
) -> None:
    runs = [begin(client, "slow"), begin(client, "slow", background=False)]
    place.in_the_middle(runs[0])
    place.restart_postgres(how)
    for run in runs:
        check_whole(events(client, run))
    until(lambda: client.get("/readyz").status_code == 200)
    check_whole(events(client, begin(client, "quick")))


def test_a_stopped_api_hands_its_runs_to_workers_and_readers_go_on_elsewhere(
    place: Fleet, client: httpx.Client, workers: list[Member]
) -> None:
    other = place.api()
    with place.client(other) as there:
        run = begin(there, "slow", background=False)
        assert place.in_the_middle(run) is other
        seen = there.get(f"/v1/runs/{run}").json()
        assert (seen["status"], seen["background"]) == ("running", False)
        assert other.stop() == 0, other.said()
    check_whole(events(client, run))
    assert row(place, run) == ("succeeded", 2, 0)


def test_without_any_worker_an_api_does_it_in_the_end(place: Fleet, client: httpx.Client) -> None:
    for member in place.members:
        if member.name.startswith("worker"):
            member.kill()
    run = begin(client, "quick")
    assert client.get(f"/v1/runs/{run}").json()["status"] == "queued"
    helping = place.api(GIRIH_BACKGROUND_AFTER="0.5", GIRIH_REDIS_URL="")
    check_whole(events(client, run))
    helping.stop()


def test_an_api_without_slots_only_accepts_until_too_many_wait(place: Fleet, client: httpx.Client) -> None:
    accepting = place.api(GIRIH_RUN_SLOTS="0", GIRIH_QUEUED_RUNS_PER_ORG="3", GIRIH_QUEUED_RUNS="5")
    with place.client(accepting) as there:
        runs: list[str] = []
        for _ in range(50):  # should anybody take one meanwhile, one more may wait
            full = there.post("/v1/runs", json={"agent": "quick", "background": True})
            if full.status_code == 429:
                break
            runs.append(full.json()["id"])
        assert (full.status_code, full.json()["code"]) == (429, "queue_full")
        assert len(runs) >= 3
        assert int(full.headers["retry-after"]) > 0
        assert place.sql("SELECT count(*) <= 3 FROM runs WHERE status = 'queued'") == [(True,)]
        place.worker()  # nobody rings for what waits already
        for run in runs:
            check_whole(events(there, run))
        check_whole(events(there, begin(there, "quick", background=False)))


def test_a_crash_is_refused_outside_of_tests(place: Fleet) -> None:
    refused = place.worker(GIRIH_CRASH_AT="run.claimed")
    assert refused.process.wait(60) == 1
    assert "GIRIH_CRASH_AT ends the process on purpose" in refused.said()


def test_a_worker_of_both_roles_is_a_process_for_each_and_they_end_together(place: Fleet, client: httpx.Client) -> None:
    for member in place.members:
        if member.name.startswith("worker"):
            member.kill()
    both = place.worker(GIRIH_WORKER_ROLES="ingestion,runs")
    check_whole(events(client, begin(client, "quick")))
    assert both.stop() == 0, both.said()
