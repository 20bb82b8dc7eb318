"""The embedded PostgreSQL: made once, found again, and not stopped by what a crash leaves behind."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from girih.embedded.postgres import PostgresServer, start_postgres
from girih.embedded.processes import alive, wait_until
from girih.errors import Conflict, Unavailable

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:  # pytest's own are private, which is a case of its own
        Path(parent).chmod(0o755)
        yield Path(parent) / "postgres"


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    server = start_postgres(folder, durable=False)
    yield server
    server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_the_application_owns_nothing_and_the_owner_is_no_superuser(server: PostgresServer) -> None:
    rights = (
        "SELECT (rolsuper, rolbypassrls, rolcreatedb, rolcreaterole)::text FROM pg_roles WHERE rolname = current_user"
    )
    assert await ask(server.app_url, "SELECT current_user") == "girih_app"
    assert await ask(server.app_url, rights) == "(f,f,f,f)"
    assert await ask(server.owner_url, rights) == "(f,f,f,f)"
    owned = "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'girih_app'::regrole AND deptype = 'o'"
    assert await ask(server.admin_url, owned) == 0
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'girih'"
    assert await ask(server.admin_url, owner) == "girih_owner"


async def test_it_has_pgvector_and_reads_every_script(server: PostgresServer) -> None:
    assert await ask(server.app_url, "SELECT '[1,2]'::vector <-> '[1,4]'::vector") == 2
    assert await ask(server.app_url, "SELECT to_tsvector('simple', 'Größe Éclair')::text") == "'größe':1 'éclair':2"


async def test_it_is_durable_unless_told_otherwise(folder: Path, server: PostgresServer) -> None:
    assert await ask(server.app_url, "SHOW fsync") == "off"
    server.stop()
    again = start_postgres(folder)
    assert await ask(again.app_url, "SHOW fsync") == "on"
    again.stop()


async def test_it_wants_a_password_and_speaks_to_this_machine_only(server: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(f"postgresql://postgres:wrong@127.0.0.1:{server.port}/postgres", "SELECT 1")
    assert await ask(server.app_url, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(server.admin_url, "SHOW unix_socket_directories") == ""


def test_the_passwords_are_private(folder: Path, server: PostgresServer) -> None:
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert not any((folder / name).exists() for name in ("new", "password"))
    password = server.admin_url.split(":")[2].split("@")[0]
    assert password not in repr(server)
    assert password not in (folder / "postgres.log").read_text()


async def test_a_second_start_finds_the_data(folder: Path, server: PostgresServer) -> None:
    await ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    again = start_postgres(folder)
    assert await ask(again.owner_url, "SELECT answer FROM kept") == 42
    assert again.app_url.split("@")[0] == server.app_url.split("@")[0]
    again.stop()


async def test_a_running_server_is_used_and_left_to_who_started_it(folder: Path, server: PostgresServer) -> None:
    second = start_postgres(folder)
    assert (second.pid, second.port, second.app_url) == (server.pid, server.port, server.app_url)
    second.stop()
    assert await ask(server.app_url, "SELECT 1") == 1


async def test_after_a_crash_it_starts_again_with_what_was_committed(folder: Path) -> None:
    server = start_postgres(folder)
    await ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.running())
    assert (folder / "data" / "postmaster.pid").exists()
    again = start_postgres(folder)
    assert await ask(again.owner_url, "SELECT answer FROM kept") == 42
    again.stop()


async def test_a_pid_that_is_another_program_by_now_does_not_block(folder: Path, server: PostgresServer) -> None:
    pid_file = folder / "data" / "postmaster.pid"
    content = pid_file.read_text().splitlines()
    server.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *content[1:]]) + "\n")
        again = start_postgres(folder)
        assert again.pid != stranger.pid
        assert await ask(again.app_url, "SELECT 1") == 1
        again.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from girih.embedded.postgres import start_postgres\n"
        "print(start_postgres(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert wait_until(lambda: not alive(pid), 10)


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Conflict, match=str(port)):
            start_postgres(folder, port)


def test_a_broken_cluster_is_explained_with_its_log(folder: Path, server: PostgresServer) -> None:
    server.stop()
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Unavailable, match="initialized by PostgreSQL version 9"):
        start_postgres(folder)


def test_lost_passwords_are_not_papered_over(folder: Path, server: PostgresServer) -> None:
    server.stop()
    (folder / "credentials.json").unlink()
    with pytest.raises(Conflict, match="credentials"):
        start_postgres(folder)


def test_half_a_cluster_is_made_anew(folder: Path) -> None:
    (folder / "new" / "data").mkdir(parents=True)
    (folder / "new" / "data" / "PG_VERSION").write_text("18\n")
    server = start_postgres(folder, durable=False)
    assert server.running()
    server.stop()


@ROOT_ONLY
async def test_started_by_root_it_runs_as_somebody_who_owns_nothing_else(folder: Path, server: PostgresServer) -> None:
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner != 0
    assert (folder / "data").stat().st_uid == owner


@ROOT_ONLY
async def test_data_whose_folder_became_private_moves_along(folder: Path, server: PostgresServer) -> None:
    await ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    folder.parent.chmod(0o700)
    again = start_postgres(folder)
    try:
        assert folder.is_symlink()
        assert await ask(again.owner_url, "SELECT answer FROM kept") == 42
    finally:
        again.stop()
        shutil.rmtree(folder.resolve())


@ROOT_ONLY
async def test_below_a_private_folder_the_data_lies_elsewhere_and_is_found_again(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    folder = private / "project" / "postgres"
    server = start_postgres(folder, durable=False)
    home = folder.resolve()
    try:
        assert folder.is_symlink()
        await ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        server = start_postgres(folder, durable=False)
        assert await ask(server.owner_url, "SELECT answer FROM kept") == 42
        server.stop()
        folder.unlink()  # the project was thrown away: so is what belonged to it
        server = start_postgres(folder, durable=False)
        assert await ask(server.owner_url, "SELECT to_regclass('kept')") is None
    finally:
        server.stop()
        shutil.rmtree(home)


@ROOT_ONLY
def test_a_user_without_a_name_is_told_so() -> None:
    program = (
        "import os; from pathlib import Path; from girih.embedded.unprivileged import server_user\n"
        "os.setuid(54321)\n"
        "try: server_user(Path('/nowhere'))\n"
        "except Exception as fault: print(fault, fault.help)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "user 54321 has none" in done.stdout
    assert "GIRIH_DATABASE_URL" in done.stdout
