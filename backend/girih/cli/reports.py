"""What the tests of a graph said when it was published, in lines for people, and who signed it."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.spec.tree import JsonObject

_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "unavailable": "reached for what no test has on a server",
    "timed_out": "not done in time",
}
_ORDER = tuple(_WORDS)


def report_told(item: JsonObject) -> str:
    """The outcome in one line, with whether it was passed over; empty where nothing was kept."""
    report = item.get("report")
    if not report:
        return ""
    counts = [f"{report['counts'][one]} {_WORDS[one]}" for one in _ORDER if report["counts"].get(one)]
    told = ", ".join(counts) if counts else "none"
    return f"{told}; published all the same" if item.get("forced") else told


def report_lines(change: JsonObject) -> Iterator[str]:
    """What an apply says of the tests of one graph; of one without tests nothing."""
    report = change.get("report")
    if report and report["tests"]:
        yield f"tests: {report_told(change)}"
        yield from failed_lines(report)


def failed_lines(report: JsonObject) -> Iterator[str]:
    """A line for each test that did not pass."""
    for test in report["tests"]:
        if test["outcome"] != "passed":
            yield f"! test '{test['name']}': {test.get('message') or _WORDS[test['outcome']]}"


def short_report(item: JsonObject) -> str:
    """For a list of versions: only what is worth a look."""
    report = item.get("report")
    if item.get("forced"):
        return "(published although tests failed)"
    if not report or report["outcome"] != "passed":
        return ""
    passed = report["counts"]["passed"]
    return "(1 test)" if passed == 1 else f"({passed} tests)"


def seal_lines(item: JsonObject) -> Iterator[str]:
    """How a version is signed, and where it came from if that is elsewhere."""
    signed = item.get("signature")
    yield f"  {'signed':<10} {signed['kid'] if signed else 'no'}"
    imported = item.get("imported")
    if imported:
        signer = f", signed by {imported['signer']}" if imported["signer"] else ", by nobody who was trusted"
        yield f"  {'imported':<10} {imported['at'][:16].replace('T', ' ')} by {imported['by']}{signer}"
