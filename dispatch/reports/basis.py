"""What figures made out of a file rest on: rows used and refused, beside each percentage.

Decides how rows are counted and what a rate is at least, whatever the rows were that aren't in it:
no report may look better because hard rows fell out. Must not know how a row is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crisis.shapes import Value
from dispatch.reports.figures import ALL, Line, Share, share


class Basis(Value, frozen=True, kw_only=True):
    """The rows of a month, or of all: by when the call came in.

    Attributes:
        used: rows whose call stands among the figures, or promised nothing that is measured.
        refused: rows that were not used.
        not_measurable: responses whose rows were used and don't say how long it took.
    """

    read: int
    used: int
    refused: int
    not_measurable: int


@dataclass(slots=True)
class Bases:
    """Counts rows.

    Attributes:
        refused, not_measurable: why → how many.
    """

    refused: Counter[str] = field(default_factory=Counter)
    not_measurable: Counter[str] = field(default_factory=Counter)
    _used: Counter[str] = field(default_factory=Counter)
    _refused: Counter[str | None] = field(default_factory=Counter)
    _not_measurable: Counter[str] = field(default_factory=Counter)

    def use(self, month: str, rows: int, why_not_measurable: str | None) -> None:
        """Count the rows of a response."""
        self._used[month] += rows
        if why_not_measurable is not None:
            self._not_measurable[month] += 1
            self.not_measurable[why_not_measurable] += 1

    def refuse(self, month: str | None, why: str) -> None:
        """Count a row that was refused; ``None`` = it isn't known of which month it is."""
        self._refused[month] += 1
        self.refused[why] += 1

    def of(self, month: str) -> Basis:
        """Return the rows of a month (``all`` = of all). One of no month may be of any."""
        if month == ALL:
            used, refused = self._used.total(), self._refused.total()
            lost = self._not_measurable.total()
        else:
            used, refused = self._used[month], self._refused[month] + self._refused[None]
            lost = self._not_measurable[month]
        return Basis(read=used + refused, used=used, refused=refused, not_measurable=lost)

    def at_least(self, line: Line) -> Share:
        """Return the rate of a line if everything that isn't in it was late."""
        basis = self.of(line.month)
        missing = basis.refused + basis.not_measurable
        return share(line.determined.numerator, line.determined.denominator + missing)

    def in_json(self, line: Line) -> Mapping[str, Any]:
        """Return what stands beside a line's figures."""
        return {"rows": self.of(line.month), "determined_at_least": self.at_least(line)}

    def reasons(self) -> list[dict[str, Any]]:
        """Return why rows were refused or not measurable, and how many each."""
        return [
            {"what": what, "reason": reason, "count": count}
            for what, counter in (
                ("refused", self.refused),
                ("not_measurable", self.not_measurable),
            )
            for reason, count in counter.most_common()
        ]
