"""What came of tests as JUnit XML, which every CI shows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from girih.cli.trials import Tested


def junit(tested: Sequence[Tested]) -> str:
    """One suite for each graph; a failed test says what was missed. Characters that XML cannot hold are left out."""
    reports = [report for one in tested for report in one.reports]
    root = ElementTree.Element(
        "testsuites",
        name="girih test",
        tests=str(len(reports)),
        failures=str(sum(not report.passed for report in reports)),
        time=f"{sum(report.seconds for report in reports):.3f}",
    )
    for one in tested:
        failed = sum(not report.passed for report in one.reports)
        suite = ElementTree.SubElement(
            root, "testsuite", name=one.graph, file=one.file, tests=str(len(one.reports)), failures=str(failed)
        )
        for report in one.reports:
            case = ElementTree.SubElement(
                suite, "testcase", classname=one.graph, name=_plain(report.name), time=f"{report.seconds:.3f}"
            )
            if not report.passed:
                said = _plain("\n".join(report.misses))
                ElementTree.SubElement(case, "failure", message=_plain(report.misses[0])).text = said
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign in "\n\t" or sign.isprintable())
