"""What happens to documents on their way in when processes fail and tenants crowd, and how fast ingestion is.

    python tests/benchmarks/ingestion.py [R2 R17 R18 R24 many speed] [--n 10] [--write docs/explanation/performance.md]

Real processes on one machine: an API, workers, PostgreSQL and Valkey of their own. Prints a table; exits with 1 if
something did not hold. Leases are two seconds here; `--lease` sets another length.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import crowds
from desk import LEASE, Desk, desk, prose
from place import Found, side_by_side

from girih.jobs import EMBED, INGEST, make_client

_STAGES = ("parse", "embed", "store")


def r2(at: Desk, turns: Sequence[int]) -> Found:
    """kill -9 of the worker while it parses, embeds, stores: each document ready once, equal to an unkilled run."""
    found = Found()
    worker, slowest = at.worker(), 0.0
    for turn in turns:
        stage, text = _STAGES[turn % len(_STAGES)], prose(turn, 160)
        document = at.bring(f"{turn}.md", text)
        jobs = "SELECT stage FROM ingest_jobs WHERE document_id = $1 AND status = 'running' AND stage = $2"
        reached = _soon(partial(at.fleet.sql, jobs, UUID(document), stage))
        worker.kill()
        killed = time.monotonic()
        worker = at.worker()
        status = at.ended([document])[document]
        slowest = max(slowest, time.monotonic() - killed)
        found.add(Found(1, figures={f"killed in {stage}": int(reached)}))
        found.check(status == "ready", f"turn {turn} ({stage}): {status}")
        killed_state = at.state(document)
        at.client.delete(f"/v1/documents/{document}").raise_for_status()
        at.forget_work()
        again = at.bring(f"{turn}-again.md", text)
        found.check(at.ended([again])[again] == "ready", f"turn {turn}: the unkilled run failed")
        found.check(at.state(again) == killed_state, f"turn {turn} ({stage}): the passages differ")
    dead = at.fleet.sql("SELECT count(*) FROM ingest_jobs WHERE status <> 'done'")
    found.check(dead == [(0,)], f"{dead} jobs are not done")
    found.figures["slowest recovery (s)"] = round(slowest, 1)
    return found


def _soon(what: Callable[[], object], seconds: float = 20) -> bool:
    """Whether it was so within a while; short stages may be over before they are seen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.002)
    return False


def r17(n: int) -> Found:
    """Documents whose parser eats all memory, or over which the worker dies each time: failed, and others go on."""
    found = Found()
    with desk() as at:
        worker = at.worker()
        for turn in range(n):
            poison = at.bring(f"poison-{turn}.xlsx", _greedy_workbook())
            behind = [at.bring(f"{turn}-{number}.md", prose((turn, number), 2)) for number in range(5)]
            ended = at.ended([poison, *behind])
            found.check(ended.pop(poison) == "failed", "a greedy document did not fail")
            found.check(set(ended.values()) == {"ready"}, f"behind it: {ended}")
            found.tried += 1
        # Whoever takes this one is killed, every time.
        deadly = at.bring("deadly.md", prose("deadly", 400))
        others = [at.bring(f"other-{number}.md", prose(("other", number), 40)) for number in range(6)]
        held = "SELECT fence FROM ingest_jobs WHERE document_id = $1 AND status = 'running'"
        killed: list[object] = []
        while at.fleet.sql("SELECT status FROM documents WHERE id = $1", UUID(deadly)) != [("failed",)]:
            taken = at.fleet.sql(held, UUID(deadly))
            if taken and taken[0] not in killed:  # what a dead one left behind looks held until its lease is over
                killed.append(taken[0])
                worker.kill()
                worker = at.worker()
            if len(killed) > 3:
                break
            time.sleep(0.01)
        found.check(len(killed) <= 3, "a fourth worker took it")
        found.check(set(at.ended(others).values()) == {"ready"}, "it took its neighbours with it")
        ((reason,),) = at.fleet.sql("SELECT reason FROM documents WHERE id = $1", UUID(deadly))
        found.check("3 attempts" in str(reason), f"{reason}")
        found.figures |= {"deaths until it was given up": len(killed)}
        found.tried += 1
    return found


def _greedy_workbook() -> bytes:
    """A small packed file that becomes very large."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"<workbook>" + b" " * 300_000_000 + b"</workbook>")
    return packed.getvalue()


def r18(n: int) -> Found:
    """Every hint three times, and none at all: each document is brought in once."""
    found = Found()
    with desk() as at:
        at.worker()
        at.worker()
        bell = make_client(at.fleet.valkey.url)
        ids = [at.bring(f"{number}.md", prose(number, 3)) for number in range(n)]
        for _ in range(3 * n):
            for job in (INGEST, EMBED):
                bell.send_task(job, args=["anything"])
        found.check(set(at.ended(ids).values()) == {"ready"}, "not all are ready")
        at.fleet.kill_valkey()
        ids += [at.bring(f"silent-{number}.md", prose(("silent", number), 3)) for number in range(n)]
        found.check(set(at.ended(ids).values()) == {"ready"}, "without a broker not all are ready")
        rows = at.fleet.sql("SELECT count(*), count(*) FILTER (WHERE crashes + attempts > 1) FROM ingest_jobs")
        found.check(rows[0][0] == 2 * n, f"{rows[0][0]} jobs of {2 * n} documents")
        twice = "SELECT count(*) FROM (SELECT FROM chunks GROUP BY document_id, ordinal HAVING count(*) > 1) x"
        doubled = at.fleet.sql(twice)
        found.check(doubled == [(0,)], "passages are there twice")
        found.figures["tried again"] = rows[0][1]
        found.tried = 2 * n
    return found


SCENARIOS: dict[str, Callable[[int], Found]] = {
    "R2": side_by_side(r2, lambda _: desk()), "R17": r17, "R18": r18, "R24": crowds.r24, "many": crowds.many,
    "speed": crowds.speed,
}  # fmt: skip
HEAD = ("id", "what happens", "n", "tried", "held", "seconds", "figures", "when")


def row(name: str, n: int) -> tuple[str, list[str]]:
    """Play a scenario: its line of the table, and what did not hold."""
    began, play = time.monotonic(), SCENARIOS[name]
    try:
        found = play(n)
    except Exception as fault:
        found = Found(wrong=[f"{type(fault).__name__}: {fault}"])
    figures = " · ".join(f"{key}: {value}" for key, value in found.figures.items())
    what, took = (play.__doc__ or "").rstrip("."), time.monotonic() - began
    held = "no" if found.wrong else "yes"
    cells = (name, what, n, found.tried, held, f"{took:.0f}", figures, time.strftime("%Y-%m-%d"))
    return f"| {' | '.join(map(str, cells))} |", found.wrong


def write(page: Path, name: str, line: str) -> None:
    """Put the line into the page's table, beside those of other scenarios that it has already."""
    marked = re.compile(r"(<!-- ingestion -->\n).*?(<!-- /ingestion -->)", re.DOTALL)
    text = page.read_text()
    there = marked.search(text)
    assert there is not None, f"{page} has no place for the table"
    rows = (each for each in there[0].splitlines() if each.startswith("| "))
    known = {each.split("|")[1].strip(): each for each in rows} | {name: line}
    table = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *(known[each] for each in SCENARIOS if each in known)]
    page.write_text(text.replace(there[0], there[1] + "\n".join(table) + "\n" + there[2]))


def main() -> int:
    """Play the scenarios that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="R", help=", ".join(SCENARIOS))
    parser.add_argument("--n", type=int, default=3, help="how often, or how much (default 3)")
    parser.add_argument("--lease", type=float, default=2.0, help="seconds")
    parser.add_argument("--write", type=Path, help="the page to put the table into; other scenarios' lines stay")
    given = parser.parse_args()
    if unknown := set(given.scenarios) - SCENARIOS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    os.environ[LEASE] = str(given.lease)
    print(f"{os.cpu_count()} cores, leases of {given.lease:.0f} s\n\n| {' | '.join(HEAD)} |\n{'| --- ' * len(HEAD)}|")
    failed = False
    for name in given.scenarios or SCENARIOS:
        line, wrong = row(name, given.n)
        print(line)
        for each in wrong[:5]:
            print(f"    {each}")
        sys.stdout.flush()
        failed |= bool(wrong)
        if given.write is not None:
            write(given.write, name, line)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
