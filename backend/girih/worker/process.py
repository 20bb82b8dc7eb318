"""The worker's process: looks at the settings, then loads what its role needs and nothing else."""

from __future__ import annotations

import sys

from girih.errors import GirihError
from girih.launch import launch
from girih.wiring.environment import read_settings, require_no_crash, worker_roles
from girih.wiring.floors import require_queue_floor
from girih.wiring.knowledge import require_worker_settings
from girih.wiring.production import require_production
from girih.worker.crew import Crew

MODULES = {"ingestion": "girih.worker.ingestion", "runs": "girih.worker.running", "sync": "girih.worker.syncing"}


def main() -> int:
    """Work; 1 and one sentence when it cannot be started."""
    try:
        settings = read_settings()
        require_production(settings, "worker")
        require_worker_settings(settings)
        require_no_crash(settings)
        require_queue_floor(settings.redis_url)
        roles = worker_roles(settings)
    except GirihError as fault:
        sys.stderr.write(f"girih: {fault.message}\n" + (f"  {fault.help}\n" if fault.help else ""))
        return 1
    return launch(MODULES[roles[0]]) if len(roles) == 1 else Crew(roles).run()
