"""The README tells the truth."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dispatch.run.settings import SETTINGS, Setting

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def row(setting: Setting) -> str:
    default = "unset" if setting.default in (None, "") else f"{setting.default}"
    unit = f" {setting.unit}" if setting.unit and default != "unset" else ""
    return f"| `{setting.env}` | {default}{unit} | {setting.doc} |"


def settings_table() -> str:
    return "\n".join(
        ["| environment | default | meaning |", "|---|---|---|", *(row(s) for s in SETTINGS)]
    )


def test_the_configuration_table_lists_every_setting_as_it_is() -> None:
    text = README.read_text()
    start = text.index("<!-- settings:")
    start = text.index("\n", start) + 1
    assert text[start : text.index("<!-- end of settings -->")].strip() == settings_table()


def test_the_test_command_is_one_line_that_ci_can_find() -> None:
    lines = [x for x in README.read_text().splitlines() if x.startswith("python3 ")]
    assert sum("pytest" in line for line in lines) == 1
    assert sum("crisis-dispatch demo" in line for line in lines) == 1


LOCKED = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ; .*)? \\$((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)",
    re.MULTILINE,
)


@pytest.mark.parametrize("lock", ["requirements.txt", "build.txt"])
def test_a_lock_names_exact_versions_with_hashes_and_no_place_to_get_them_from(lock: str) -> None:
    text = (ROOT / ".ci" / lock).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(LOCKED.findall(text)) == len(lines) > 5
    assert "://" not in text and "index" not in text


def test_the_lock_holds_a_version_that_fits_for_every_dependency() -> None:
    locked = {name: version for name, version, _ in LOCKED.findall(_lock("requirements.txt"))}
    locked |= {name: version for name, version, _ in LOCKED.findall(_lock("build.txt"))}
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += _lines(ROOT / ".ci" / "build.in")
    for one in map(Requirement, wanted):
        version = locked.get(canonicalize_name(one.name))
        assert version is not None, f"{one.name} isn't locked: run .ci/lock"
        assert one.specifier.contains(version), f"{one} is locked at {version}: run .ci/lock"


def test_what_builds_the_pages_is_locked_as_the_build_asks_for_it() -> None:
    asked = (ROOT / "web" / "ui" / "build_hook.py").read_text()
    for one in _lines(ROOT / ".ci" / "build.in"):
        assert one in asked or one in (ROOT / "pyproject.toml").read_text(), one


def test_the_deployment_lines_install_nothing_that_is_not_locked() -> None:
    text = README.read_text()
    start = text.index("<!-- deployment -->")
    lines = [
        line
        for line in text[start : text.index("<!-- end of deployment -->")].splitlines()
        if "pip install" in line
    ]
    assert len(lines) == 3
    assert all("--require-hashes -r .ci/" in line for line in lines[:2])
    assert lines[2].split()[-3:] == ["--no-deps", "--no-build-isolation", "."]


def _lock(name: str) -> str:
    return (ROOT / ".ci" / name).read_text()


def _lines(path: Path) -> list[str]:
    return path.read_text().split()
