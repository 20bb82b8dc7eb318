"""`python -m girih.api`: one process that serves the API and executes runs, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys

from girih.launch import launch

if __name__ == "__main__":
    sys.exit(launch("girih.api.server"))
