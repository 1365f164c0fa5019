"""Writes ``src/messages``: the pages' words in TypeScript, out of ``web/messages``.

Decides which files a page loads together, and how a message reads in TypeScript. English is
written as constants, so that a message which isn't there, or a place that isn't given, is a wrong
type. Standard library only: it runs while the project is being built.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from web import messages

FOLDER = Path(__file__).resolve().parent / "src" / "messages"
_HEADER = "// Generated from web/messages by `python -m web.ui.build`; not kept.\n"
#: What a page loads with another file.
_WITH = {"common": ("standards",)}
_NOT_FOR_PAGES = ("admin/", "language", *(name for names in _WITH.values() for name in names))


def write() -> list[str]:
    """Bring the files up to date, and return what the languages lack.

    Where they lack anything nothing is written.
    """
    if faults := messages.faults():
        return faults
    wanted = {FOLDER / path: _HEADER + text for path, text in texts()}
    for path, text in wanted.items():
        # A check that reads beside this sees each file whole, and no change where there is none.
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in FOLDER.rglob("*.ts"):
        if path not in wanted:
            path.unlink()
    return []


def texts() -> Iterator[tuple[str, str]]:
    """Yield each file's path and text."""
    english, *others = messages.LANGUAGES
    names = {one: str(messages.section(one, "language")["name",]) for one in messages.LANGUAGES}
    yield "languages.ts", f"export const NAMES = {_json(names)} as const;\n"
    for area in messages.files():
        if area.startswith(_NOT_FOR_PAGES):
            continue
        for language in messages.LANGUAGES:
            yield f"{language}/{area}.ts", _catalog(language, area)
        load = ", ".join(f'{one}: () => import("./{one}/{area}.ts")' for one in others)
        yield (
            f"{area}.ts",
            'import { area } from "../i18n.ts";\n'
            f'import english from "./{english}/{area}.ts";\n\n'
            f"export const t = area(english, {{ {load} }});\n",
        )


def _catalog(language: str, area: str) -> str:
    found: dict[str, str | dict[str, str]] = {}
    for name in (area, *_WITH.get(area, ())):
        for key, message in messages.section(language, name).items():
            found["_".join(key).replace(".", "_")] = (
                message
                if isinstance(message, str)
                else {form: text for form, text in message._asdict().items() if text is not None}
            )
    if language != messages.ENGLISH:
        return f"export default {_json(found)};\n"
    if not found:
        # The service says it in English itself.
        return "export default {} as Readonly<Record<string, string>>;\n"
    return f"export default {_json(found)} as const;\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
