"""The README tells the truth."""

from __future__ import annotations

from pathlib import Path

from dispatch.settings import SETTINGS, Setting

README = Path(__file__).parents[2] / "README.md"


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
