"""Makes ``calls.csv``: 200 made-up calls to a county's crisis line, as a county would export them.

    python tests/data/make_calls.py > tests/data/calls.csv

Intervals follow Lane County, Oregon (2024-2025); nobody in it exists. Rows are out of order. Among
them are calls of the night of 1 November 2026, when 01:00 to 02:00 came twice, calls that were
called off, not served or not sent to, and rows that can't be used.
"""

from __future__ import annotations

import csv
import sys
from datetime import datetime, timedelta
from random import Random

HEADS = (
    *("received_at", "lat", "lon", "source", "concern"),
    *("determined", "dispatch", "arrival", "departure", "outcome", "ended"),
)
SOURCES = (
    "988 center",
    "County crisis or access line",
    "911",
    "family",
    "police",
    "self",
    "school",
)
CONCERNS = (
    "Suicide risk",
    "psychosis",
    "anxiety",
    "substance use",
    "welfare check",
    "child_behavior",
)
ORDINARY = 178

#: On the night of 1 November 2026; local times without a zone that came twice are the first ones,
#: unless that would put a time before the one that it follows.
DST_NIGHT = (
    # 00:50 PDT to 02:10 PST: 140 minutes.
    (
        "2026-11-01 00:40",
        "2026-11-01 00:50",
        "2026-11-01 00:55",
        "2026-11-01 02:10",
        "2026-11-01 03:00",
    ),
    # 01:50 PDT, and after it 01:10, which can only be PST: 20 minutes.
    (
        "2026-11-01 01:45",
        "2026-11-01 01:50",
        "2026-11-01 01:55",
        "2026-11-01 01:10",
        "2026-11-01 02:30",
    ),
    # With zones: 01:30 PDT to 01:20 PST: 50 minutes.
    (
        *("2026-11-01T01:20-07:00", "2026-11-01T01:30-07:00", "2026-11-01T01:40-07:00"),
        *("2026-11-01T01:20-08:00", "2026-11-01T02:00-08:00"),
    ),
    # In UTC: 55 minutes.
    (
        *("2026-11-01T08:20:00Z", "2026-11-01T08:25:00Z", "2026-11-01T08:30:00Z"),
        *("2026-11-01T09:20:00Z", "2026-11-01T10:00:00Z"),
    ),
)

_PLACE, _WORDS = ("38.58", "-121.49"), ("911", "psychosis")
#: Each can't be used, for another reason.
BAD = (
    ("", *_PLACE, *_WORDS, "10/03/2026 10:00", "", "", "", "", ""),
    ("10/04/2026 10:00", "north", "-121.49", *_WORDS, "", "", "", "", "", ""),
    ("10/04/2026 11:00", "38.58", "238.51", *_WORDS, "", "", "", "", "", ""),
    ("13/45/2026 11:00", *_PLACE, *_WORDS, "", "", "", "", "", ""),
    ("10/05/2026 11:00", *_PLACE, *_WORDS, "10/05/2026 11:05", "", "10/05/2026 11:02", "", "", ""),
    ("10/06/2026 11:00", *_PLACE, *_WORDS, "10/06/2026 10:59", "", "", "", "", ""),
    ("03/08/2026 02:30", *_PLACE, *_WORDS, "", "", "", "", "", ""),
    ("10/07/2026 11:00", *_PLACE, *_WORDS, "10/07/2026 11:10", "", "", "", "vanished", ""),
    ("10/08/2026", *_PLACE, *_WORDS, "", "", "", "", "", ""),
    ("10/09/2022 11:00", *_PLACE, *_WORDS, "10/09/2022 11:10", "", "", "", "", ""),
)


def local(at: datetime | None) -> str:
    """A time as the county's spreadsheet writes it."""
    return "" if at is None else at.strftime("%m/%d/%Y %H:%M")


def place(draw: Random) -> tuple[str, str]:
    """Somewhere in and around the city."""
    return f"{draw.gauss(38.56, 0.06):.4f}", f"{draw.gauss(-121.45, 0.07):.4f}"


def ordinary(draw: Random) -> tuple[str, ...]:
    """A call on any day but that of the clock change."""
    day = draw.choice([d for d in range(46) if d != 31])
    received = datetime(2026, 10, 1) + timedelta(days=day, minutes=draw.randrange(24 * 60 - 400))  # noqa: DTZ001
    determined = received + timedelta(minutes=draw.randint(1, 15))
    dispatch = determined + timedelta(minutes=min(180, int(draw.lognormvariate(2.2, 1.1))))
    arrival = dispatch + timedelta(minutes=min(120, int(draw.lognormvariate(2.7, 0.7))))
    departure = arrival + timedelta(minutes=3 + min(150, int(draw.lognormvariate(3.1, 0.8))))
    times: dict[str, datetime | None] = {
        "determined": determined,
        "dispatch": dispatch,
        "arrival": arrival,
        "departure": departure,
        "ended": None,
    }
    outcome, kind = "", draw.random()
    if kind < 0.07:
        outcome = "cancelled"
        ended = determined + timedelta(minutes=draw.randint(3, 130))
        sent = dispatch if dispatch < ended else None
        times.update(dispatch=sent, arrival=None, departure=None, ended=ended)
    elif kind < 0.11:
        outcome = "unserved"
        ended = determined + timedelta(minutes=draw.randint(40, 300))
        times.update(dispatch=None, arrival=None, departure=None, ended=ended)
    elif kind < 0.17:
        outcome = "no_dispatch"
        times.update(determined=None, dispatch=None, arrival=None, departure=None)
        times["ended"] = determined
    elif kind < 0.19:
        times["departure"] = None
    elif kind < 0.21:
        times.update(arrival=None, departure=None)
    elif kind < 0.24:
        times["dispatch"] = None
    where = place(draw) if draw.random() > 0.03 else ("", "")
    return (
        local(received),
        *where,
        draw.choice(SOURCES),
        draw.choice(CONCERNS),
        *(local(times[name]) for name in ("determined", "dispatch", "arrival", "departure")),
        outcome,
        local(times["ended"]),
    )


def main() -> None:
    """Write the file to stdout."""
    draw = Random(20261101)
    rows = [ordinary(draw) for _ in range(ORDINARY)]
    rows += [(t[0], *place(draw), "988 center", "suicide", *t[1:], "", "") for t in DST_NIGHT]
    rows += BAD
    # Of the last hours of the file: determined, and nobody there yet.
    rows += [
        ("11/15/2026 23:10", *place(draw), "self", "other", "11/15/2026 23:15", "", "", "", "", "")
        for _ in range(8)
    ]
    draw.shuffle(rows)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADS)
    writer.writerows(rows)


if __name__ == "__main__":
    main()
