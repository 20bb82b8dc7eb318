"""What an image is made of: every package pinned and hashed, as the project asks for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
IMAGE = {"implementation_name": "cpython", "python_version": "3.13", "python_full_version": "3.13.5"} | {
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}
EXTRAS = ("server", "s3")
"""Those that the image has."""


def asked_for() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


def locked() -> dict[str, tuple[str, list[str]]]:
    """Each package's version and hashes."""
    found = {}
    for block in re.split(r"\n(?=\S)", LOCK.read_text().strip()):
        pin = Requirement(block.split("\\")[0].strip())
        (version,) = [part.version for part in pin.specifier]
        assert str(pin.specifier).startswith("=="), block
        if pin.marker is None or any(
            pin.marker.evaluate(IMAGE | {"platform_machine": m}) for m in ("x86_64", "aarch64")
        ):
            found[canonicalize_name(pin.name)] = version, re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
    return found


def test_what_the_project_asks_for_is_in_the_lock() -> None:
    pins = locked()
    wrong = [
        str(asked)
        for asked in asked_for()
        if asked.marker is None or asked.marker.evaluate(IMAGE)
        if (pin := pins.get(canonicalize_name(asked.name))) is None or not asked.specifier.contains(pin[0])
    ]
    assert not wrong, "run `make lock`"


def test_every_package_is_known_by_its_hash_and_nothing_says_where_it_comes_from() -> None:
    assert all(hashes for _, hashes in locked().values())
    text = LOCK.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE), "an option would name an index"
    assert not re.search(r"^[^#\s]+ @ ", text, re.MULTILINE)


def test_the_image_installs_the_lock_and_nothing_else() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes --requirement requirements.lock" in text
    installs = [line for line in text.splitlines() if "pip install" in line and "uv\n" not in line + "\n"]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs), installs


def test_the_bill_of_materials_lists_all_of_it(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py")
    file = tmp_path / "sbom.cdx.json"
    command = ["-m", "cyclonedx_py", "requirements", str(LOCK), "--pyproject", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command, "--output-reproducible", "-o", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    assert {name: version for name, (version, _) in locked().items()}.items() <= listed.items()
