"""A file's bytes as text, in the encodings that spreadsheets and databases write.

Decides which encoding a file is in, and says it where that had to be guessed.
"""

from __future__ import annotations

import codecs

from crisis.errors import Invalid

#: Said where it had to be guessed: letters with accents may be others.
GUESSED = "the file isn't UTF-8; read as Windows-1252"
_BOMS_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: How files begin that hold a spreadsheet, but no text.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text of a file, and what must be said of how it was read; "" = nothing.

    Raises:
        Invalid: ``file_workbook`` or ``file_no_text``.
    """
    if content.startswith(_WORKBOOKS):
        raise no_sheet()
    try:
        if content.startswith(_BOMS_16):
            return _checked(content.decode("utf-16")), ""
        if wide := _wide(content):
            return _checked(content.decode(wide)), ""
        return _checked(content.decode("utf-8-sig")), ""
    except UnicodeDecodeError:
        pass
    try:
        return _checked(content.decode("cp1252")), GUESSED
    except UnicodeDecodeError:
        raise _no_text() from None


def _wide(content: bytes) -> str | None:
    """Return which UTF-16 a text without a mark is in: every other of its first bytes is zero."""
    start = content[:64]
    if len(start) < 4 or len(content) % 2:
        return None
    if not any(start[0::2]):
        return "utf-16-be"
    return "utf-16-le" if not any(start[1::2]) else None


def _checked(text: str) -> str:
    # PostgreSQL's text can't hold a NUL, and no spreadsheet writes one.
    if "\x00" in text:
        raise _no_text()
    return text


def no_sheet() -> Invalid:
    """Return the refusal of a workbook, or of what a spreadsheet opens as one."""
    return Invalid("file_workbook", "The file is a workbook; save its sheet as CSV, and send that.")


def _no_text() -> Invalid:
    return Invalid("file_no_text", "The file is no text; save it as CSV UTF-8.")
