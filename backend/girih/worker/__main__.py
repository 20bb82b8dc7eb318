"""`python -m girih.worker`: ingests documents and executes runs until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys

from girih.launch import launch

if __name__ == "__main__":
    sys.exit(launch("girih.worker.process"))
