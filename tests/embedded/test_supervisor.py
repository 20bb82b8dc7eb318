"""The supervisor and its lock, with real child processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from girih.embedded import supervisor as supervising
from girih.embedded.lock import held_lock
from girih.embedded.processes import alive, wait_until
from girih.embedded.supervisor import Program, Supervisor, run_program
from girih.errors import Conflict

HOLD = (
    "import sys, time; from pathlib import Path; from girih.embedded.lock import held_lock\n"
    "with held_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(said.append)
    yield supervisor
    supervisor.stop()


def sleeper(folder: Path, name: str, code: str = "import time; time.sleep(60)") -> Program:
    return run_program([sys.executable, "-c", code], log=folder / f"{name}.log", env=os.environ, patience=5)


def test_a_part_that_ends_is_started_again_and_said_so(tmp_path: Path, supervisor: Supervisor, said: list[str]) -> None:
    changes: list[dict[str, int]] = []
    supervisor.changed = lambda: changes.append(supervisor.pids())
    first = supervisor.keep("worker", lambda: sleeper(tmp_path, "worker"))
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: bool(changes), 10)
    assert changes[0]["worker"] != first.pid
    assert alive(changes[0]["worker"])
    assert said == ["the worker ended; starting it again"]


def test_one_that_ends_again_and_again_is_given_time(
    tmp_path: Path, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "BACK_OFF", (0.0, 0.4))
    supervisor.keep("api", lambda: sleeper(tmp_path, "api", "raise SystemExit(3)"))
    assert wait_until(lambda: supervisor.restarts("api") >= 3, 15)
    assert said[0] == "the api ended; starting it again"
    assert set(said[1:]) == {"the api ended; starting it again in 0 s"}


def test_parts_stop_in_reverse(tmp_path: Path, supervisor: Supervisor) -> None:
    order: list[str] = []

    class Noting(Program):
        def stop(self) -> None:
            order.append(self.name)
            super().stop()

        name = ""

    def start(name: str) -> Noting:
        program = sleeper(tmp_path, name)
        noting = Noting(program.process, program.patience, program.pid)
        noting.name = name
        return noting

    programs = [supervisor.keep(name, lambda name=name: start(name)) for name in ("postgres", "worker", "api")]
    supervisor.stop()
    assert order == ["api", "worker", "postgres"]
    assert not any(program.running() for program in programs)


def test_one_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    code = "import signal, time\nfor n in (15, 3): signal.signal(n, signal.SIG_IGN)\nprint('deaf', flush=True)"
    code += "\ntime.sleep(60)"
    program = run_program([sys.executable, "-c", code], log=tmp_path / "deaf.log", env=os.environ, patience=0.2)
    assert wait_until(lambda: "deaf" in (tmp_path / "deaf.log").read_text(), 10)
    program.stop()
    assert not program.running()


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    file = tmp_path / "data" / "dev.lock"
    with (
        held_lock(file),
        pytest.raises(Conflict, match=rf"already runs on .*data \(pid {os.getpid()}\)"),
        held_lock(file),
    ):
        raise AssertionError("two hold the lock")


def test_a_lock_of_a_killed_process_is_none(tmp_path: Path) -> None:
    file = tmp_path / "dev.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match=str(holder.pid)), held_lock(file):
            raise AssertionError("two hold the lock")
        holder.kill()
    assert file.read_text().strip() == str(holder.pid)
    with held_lock(file):
        assert file.read_text().strip() == str(os.getpid())
