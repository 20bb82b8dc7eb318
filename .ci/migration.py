"""Writes a migration from the difference between the tables and a freshly migrated database: `migration.py MESSAGE`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from girih.embedded.postgres import start_postgres


def main(message: str) -> int:
    """Start a database of its own, bring it up to date, and let Alembic compare."""
    alembic = [sys.executable, "-m", "alembic"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = start_postgres(Path(folder) / "postgres", durable=False)
        env = os.environ | {"GIRIH_MIGRATION_DATABASE_URL": server.owner_url}
        try:
            for command in (["upgrade", "head"], ["revision", "--autogenerate", "-m", message]):
                subprocess.run([*alembic, *command], env=env, check=True)  # noqa: S603
        except subprocess.CalledProcessError as fault:
            return fault.returncode
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
