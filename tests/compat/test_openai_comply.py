"""Another project's checks of both protocols: every one of them passes, none is left out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.compat.conftest import Served

pytestmark = pytest.mark.timeout(180)

WARNINGS = {
    "chat-reasoning-summary": 1,  # the demo model does not reason
    "compact-response": 3,  # advice to servers that answer there
}


@pytest.mark.parametrize(("suite", "count"), [("openai-chat", 9), ("open-responses", 13)])
def test_every_check_passes(served: Served, suite: str, count: int) -> None:
    with served.client() as plain:
        # Some checks are only for models of certain names; an alias is a name.
        version = plain.get("/v1/agents/assistant").json()["version"]
        plain.put("/v1/agents/assistant/aliases/gpt-5", json={"version": version}).raise_for_status()
    command = [sys.executable, "-m", "llm_comply.cli", "run", "--json", "--format", suite]
    place = ["--model", "assistant@gpt-5", "--base-url", f"{served.url}/openai/v1", "--api-key", served.key]
    done = subprocess.run(
        [*command, *place],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert told["summary"] == {"total": count, "passed": count, "failed": 0, "skipped": 0}, done.stdout
    warned = {result["id"]: len(result["warnings"]) for result in told["results"] if result.get("warnings")}
    assert warned == {name: number for name, number in WARNINGS.items() if name in warned}
