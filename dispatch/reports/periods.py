"""Which days a report is of, where whoever asks names both ends, one or none.

The same for the API and the command line. Must not know what is reported.
"""

from __future__ import annotations

from datetime import date

from dispatch.reports.figures import last_full_months

#: A report shows months: without an explicit beginning it begins with a month's first day.
_MONTHS = 3
_FIRST_YEAR = 2000


def days_of(since: date | None, until: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day, both included, of a report that is asked for.

    Args:
        since, until: as asked for; ``None`` = not said.
        today: the county's.
    """
    if since is not None:
        return since, until or today
    if until is None:
        return last_full_months(today, _MONTHS)
    if until.year < _FIRST_YEAR:
        return until, until  # no report is of those days, and the calendar ends
    return last_full_months(until, _MONTHS - 1)[0], until
