"""How the columns of a file write times of day: 14:30, 14.30 or 1430.

Decides whether 14.30 is half past two, or a number: it is where all such cells of the file can be,
and one at least can be nothing else. A spreadsheet that takes such times for numbers drops zeros
from them, which are put back. Must not know which column is about what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from dispatch.sheets.cells import told

_DOTTED = re.compile(r"(\d{1,2})[.,](\d{1,2})(?:[.,](\d\d))?")
#: A fraction of a day has more digits than any time.
_FRACTION = re.compile(r"0?[.,]\d{3,}")
_WHOLE = re.compile(r"\d{1,4}")


class Clocks(NamedTuple):
    """How times of day are written.

    Attributes:
        dotted: with a dot.
        bare: without any mark, as 905 for 9:05.
    """

    dotted: bool = False
    bare: bool = False

    def spelled(self, text: str) -> str:
        """Return a cell with a time of day as it is written everywhere; others as they are."""
        plain = told(text)
        if self.dotted and (found := _DOTTED.fullmatch(plain)):
            hour, minute, second = found.groups()
            # 14.3 was 14.30 before it was taken for a number.
            return f"{hour}:{minute.ljust(2, '0')}" + (f":{second}" if second else "")
        if _WHOLE.fullmatch(plain) and len(plain) < 3 and int(plain):
            if self.dotted:
                return f"{plain}:00"
            if self.bare:
                return plain.zfill(4)
        return text


def clocks_of(cells: Iterable[str]) -> Clocks:
    """Return how the cells of all columns with times of day write them."""
    dotted: list[re.Match[str]] = []
    whole: list[str] = []
    has_fractions = False
    for cell in cells:
        plain = told(cell)
        has_fractions = has_fractions or _FRACTION.fullmatch(plain) is not None
        if found := _DOTTED.fullmatch(plain):
            dotted.append(found)
        elif _WHOLE.fullmatch(plain):
            whole.append(plain)
    return Clocks(
        dotted=not has_fractions and _are_times(dotted),
        bare=not dotted and any(len(one) > 2 for one in whole) and all(map(_is_bare, whole)),
    )


def _are_times(found: list[re.Match[str]]) -> bool:
    for one in found:
        hour, minute, second = one.groups()
        if int(hour) > 23 or int(minute.ljust(2, "0")) > 59 or int(second or 0) > 59:
            return False
    # 14.5 alone may be half past two as well; 10.05.26 may be a day.
    return any(len(one[2]) == 2 and one[3] is None for one in found) or any(
        one[3] is not None and int(one[1]) > 12 and int(one[2]) > 12 for one in found
    )


def _is_bare(text: str) -> bool:
    return int(text) <= 2400 and int(text) % 100 < 60
