"""The demo, once and whole: what a newcomer sees on the first day, on real parts."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from girih.cli.tour import QUESTIONS

ROOT = Path(__file__).parents[2]
NO_PROVIDER = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "GIRIH_OPENAI_API_KEY": "", "GIRIH_OPENAI_BASE_URL": ""}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def shown() -> Iterator[str]:
    """All the demo prints, without a key of any provider."""
    with tempfile.TemporaryDirectory(prefix="girih-demo-") as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-m", "girih.cli", "dev", "agent_specs", "--demo", "--once"]
        done = subprocess.run(
            [*command, "--port", "0", "--data-dir", f"{folder}/data"],
            cwd=ROOT,
            env=os.environ | NO_PROVIDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        yield done.stdout


def section(shown: str, title: str) -> str:
    """One step of the tour."""
    return re.split(r"^── \d", shown.split(f"{title} ─")[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_it_takes_the_five_steps_in_order(shown: str) -> None:
    titles = re.findall(r"^── \d  (\w+) ─+$", shown, re.MULTILINE)
    assert titles == ["Publish", "Ingest", "Ask", "Decide", "Prove"]
    assert "did not go as it should" not in shown


def test_it_publishes_the_examples(shown: str) -> None:
    published = section(shown, "Publish")
    for name in ("hello", "handbook", "triage", "refund-desk", "echo50"):
        assert re.search(rf"^create +graph/v1 +{name} +1\.0\.0 ", published, re.MULTILINE)


def test_it_ingests_every_format_with_its_stages(shown: str) -> None:
    ingested = section(shown, "Ingest")
    for name in (".md", ".html", ".pdf", ".docx"):
        assert re.search(rf"{name}: ready \(.*\d+ chunks\)", ingested)
    assert re.search(r"embed \(\d+ of \d+\)", ingested)
    assert "5 ready, 0 failed" in ingested


def test_it_answers_with_citations_and_says_what_it_cannot_answer(shown: str) -> None:
    first, second, third = section(shown, "Ask").split("$ girih run handbook")[1:]
    assert "30 days" in first
    assert re.search(r"^\[\d\] returns-and-warranty\.docx, Returns ›", first, re.MULTILINE)
    assert re.search(r"^\[\d\] ordering-and-delivery\.pdf, page \d, ", second, re.MULTILINE)
    assert "do not answer this question" in third
    assert not re.search(r"^\[\d\] ", third, re.MULTILINE)
    for answer, question in zip((first, second, third), QUESTIONS, strict=True):
        assert question in answer
        assert "[demo model]" in answer
        assert re.search(r"first token [\d.]+ m?s · \d+ → \d+ tokens", answer)
        assert re.search(r"├─ ✓  search  retrieve .*\n└─ ✓  answer  llm ", answer)


def test_it_decides_over_a_fork_a_tool_and_a_subgraph(shown: str) -> None:
    decided = section(shown, "Decide")
    assert "customer: Ada Moreno" in decided
    assert "tool crm.lookup" in decided
    assert re.search(r"refund  graph .*\n   ├─ ✓  reason  llm", decided)


def test_it_shows_three_mistakes_at_their_places(shown: str) -> None:
    proven = section(shown, "Prove")
    assert re.findall(r"three_mistakes\.yaml:(\d+):\d+ \w+", proven) == ["10", "14", "16"]
    assert proven.count("^^^") >= 3
    assert "did you mean 'model'?" in proven


def test_it_ends_clean(shown: str) -> None:
    assert shown.rstrip().endswith("stopping")
