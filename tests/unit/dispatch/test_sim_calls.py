"""Recorded calls read from a spreadsheet, and the order in which they are replayed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.codes import code_sets
from crisis.errors import Invalid
from dispatch.sim.calls import How, Reading, RecordedCall, read_calls
from dispatch.sim.replay import Act, schedule
from geo.point import Point

PACIFIC = ZoneInfo("America/Los_Angeles")
HEADS = "received_at,lat,lon,source,concern,determined,dispatch,arrival,departure,outcome,ended"
PLACE = "38.5,-121.5,self,other"


def read(*rows: str, heads: str = HEADS, **how: Any) -> Reading:
    """Read rows of a file."""
    text = "\n".join([heads, *rows])
    return read_calls(text, code_sets(date(2026, 1, 1)), zone=PACIFIC, how=How(**how))


def one(row: str, **how: Any) -> RecordedCall:
    """The call of a row that must be usable."""
    reading = read(row, **how)
    assert not reading.bad, reading.bad
    [call] = reading.calls
    return call


def refused(row: str, **how: Any) -> str:
    """Why a row can't be used."""
    [bad] = read(row, **how).bad
    assert bad.row == 2
    return bad.reason


def test_a_time_that_came_twice_is_the_one_that_may_follow_what_came_before() -> None:
    row = f"2026-11-01 01:45,{PLACE},2026-11-01 01:50,2026-11-01 01:10,,,,"
    call = one(row)
    assert call.received_at == datetime(2026, 11, 1, 8, 45, tzinfo=UTC)
    assert call.dispatch == datetime(2026, 11, 1, 9, 10, tzinfo=UTC)
    assert call.determined is not None
    assert call.dispatch - call.determined == timedelta(minutes=20)
    notes = read(row).notes
    assert "row 2: dispatch 2026-11-01 01:10 came twice that night; taken as the second" in notes


@pytest.mark.parametrize(
    ("heads", "row"),
    [
        (HEADS.replace(",", ";"), "2026-07-01 08:00;38,5;-121,5;self;other;;;;;;"),
        (f"\ufeff{HEADS}".replace(",", "\t"), "2026-07-01 08:00\t38.5\t-121.5\tself\tother"),
        ("sep=|\r\n" + HEADS.replace(",", "|"), "2026-07-01 08:00|38.5|-121.5|self|other"),
        ('"Received At",Lat,LON,Source,"Concern"', f'"2026-07-01 08:00",{PLACE}'),
        (f",{HEADS},,", f"7,2026-07-01 08:00,{PLACE},NULL,n/a,NaT,,,,,"),
    ],
)
def test_cells_are_separated_as_spreadsheets_separate_them(heads: str, row: str) -> None:
    lines = StringIO(f"{heads}\r\n{row}\r\n", newline="")
    reading = read_calls(lines, code_sets(date(2026, 1, 1)), zone=PACIFIC)
    [call] = reading.calls
    assert (call.row, call.place) == (2, Point(lat_deg=38.5, lon_deg=-121.5))
    assert call.determined is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f",{PLACE},,,,,,", "received_at is empty"),
        (f"2022-12-31 23:00,{PLACE},,,,,,", "before 2023"),
        (f"2026-07-01 08:00,{PLACE},,,,,lost,", "outcome lost"),
        (f"2026-07-01 08:00,{PLACE},,,,,unserved,2026-07-01 09:00", "nobody determined"),
        (
            f"2026-07-01 08:00,{PLACE},2026-07-01 08:01,,2026-07-01 08:30,,unserved,"
            "2026-07-01 09:00",
            "a team arrived",
        ),
        (f"2026-07-01 08:00,{PLACE},,,,,,2026-07-01 09:00", "say in outcome"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused_with_its_reason(row: str, why: str) -> None:
    assert why in refused(row)


@pytest.mark.parametrize(
    ("place", "found", "note"),
    [
        ("-121.5,38.5", True, "lat and lon are swapped"),
        ("38.5,121.5", True, "lon lacks its minus"),
        ("38.5,238.5", True, "lon counts on to 360"),
        ("38.5 N,121.5 W", True, ""),
        ("45.5,-122.6", False, "no place in California"),
        ("91,-121", False, "no place in California"),
        ("nowhere,-121", False, "no place"),
        ("38.5,", False, "no place"),
        ("0,0", False, "lat 0, lon 0"),
        ("0.0,0.0", False, "lat 0, lon 0"),
        ("NULL,--", False, ""),
    ],
)
def test_what_is_no_place_costs_the_place_and_not_the_row(
    place: str, found: bool, note: str
) -> None:
    reading = read(f"2026-07-01 08:00,{place},self,other,2026-07-01 08:05,,,,,")
    [call] = reading.calls
    assert (call.place == Point(lat_deg=38.5, lon_deg=-121.5)) == found
    assert call.determined is not None
    assert any(note in one for one in reading.notes) == bool(note)


@pytest.mark.parametrize(
    ("times", "lost", "kept"),
    [
        ("2026-07-01 07:59,,,", "determined", ()),
        ("2026-07-01 08:09,2026-07-01 08:05,2026-07-01 08:30,", "dispatch", ("arrival",)),
        ("2026-07-01 08:09,soon,2026-07-01 08:30,", "dispatch", ("determined", "arrival")),
        ("2026-07-01 08:09,2026-07-01 08:10,2026-07-01,", "arrival", ("determined", "dispatch")),
        ("2026-07-01 08:09,,2027-08-01 08:30,", "arrival", ("determined",)),
        ("2026-07-01 08:09,,2026-07-01 08:30,never", "departure", ("determined", "arrival")),
    ],
)
def test_a_bad_secondary_time_costs_that_time_and_not_the_response(
    times: str, lost: str, kept: tuple[str, ...]
) -> None:
    reading = read(f"2026-07-01 08:00,{PLACE},{times},,")
    [call] = reading.calls
    assert lost in call.unusable
    assert all(getattr(call, name) is not None for name in kept)
    assert (call.why_unmeasurable is not None) == (lost in ("determined", "arrival"))
    assert any(note.startswith(f"row 2: {lost}") for note in reading.notes)


def test_a_reason_that_quotes_a_cell_is_one_short_line_without_control_characters() -> None:
    reason = refused(f'"7/1/2026 \x1b[31m{"9" * 5000}\n:",{PLACE},,,,,,')
    assert reason.isprintable()
    assert len(reason) < 250


def test_a_bad_row_never_stops_the_others_and_every_row_is_accounted_for() -> None:
    reading = read(
        f"2026-07-01 08:00,{PLACE},,,,,,",
        "nonsense",
        "",
        f"2026-07-01 07:00,{PLACE},,,,,,",
    )
    assert [call.row for call in reading.calls] == [2, 5]
    assert [bad.row for bad in reading.bad] == [3]
    assert reading.rows == 3


def test_what_is_not_recorded_is_not_made_up() -> None:
    call = one(f"2026-07-01 08:00,{PLACE},,2026-07-01 08:10,2026-07-01 08:30,2026-07-01 09:00,,")
    assert call.determined is None
    assert [act for _, _, act in schedule([call])] == [Act.RECEIVED]
    assumed = one(
        f"2026-07-01 08:00,{PLACE},,2026-07-01 08:10,2026-07-01 08:30,2026-07-01 09:00,,",
        assume_determined="dispatch",
    )
    assert assumed.determined == assumed.dispatch
    acts = [act for _, _, act in schedule([assumed])]
    assert acts == [Act.RECEIVED, Act.DETERMINED, Act.DISPATCHED, Act.ARRIVED, Act.DEPARTED]


def test_words_become_codes_and_what_is_not_known_is_told() -> None:
    reading = read(
        "2026-07-01 08:00,,,911 Transfer,Suicidal Ideation,,,,,,",
        "2026-07-01 08:00,,,Family or friend,dementia,,,,,,",
        "2026-07-01 08:00,,,Martians,,,,,,,",
        "2026-07-01 08:00,,,,nervios,,,,,,",
        concerns={"Nervios": "anxiety_panic_trauma"},
    )
    assert [(call.source, call.concern) for call in reading.calls] == [
        ("psap_911", "suicide_risk"),
        ("family_friend", "dementia"),
        ("other", None),
        ("unknown", "anxiety_panic_trauma"),
    ]
    assert reading.notes["source 'Martians' taken as other; see --source"] == 1


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"heads": "received_at,lat"}, "lacks the column lon"),
        ({"columns": {"received_at": "CallTime"}}, "lacks the column received_at"),
        ({"columns": {"recieved_at": "x"}}, "did you mean received_at"),
        ({"sources": {"x": "martian"}}, "martian is no referral source"),
        ({"heads": HEADS.replace(",", ":")}, "lacks the column received_at"),
        ({"heads": f"{HEADS},Arrived At"}, "may be arrival: arrival and Arrived At.*--column"),
        ({"heads": f"{HEADS},lat"}, "Two columns may be lat"),
    ],
)
def test_a_file_that_cannot_be_read_as_told_is_refused(how: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(**how)


def test_one_of_two_columns_that_may_be_meant_is_chosen_by_name() -> None:
    row = f"2026-07-01 10:00,{PLACE},2026-07-01 10:05,,2026-07-01 11:00,,,,2026-07-01 10:30"
    [call] = read(row, heads=f"{HEADS},Arrived At", columns={"arrival": "Arrived At"}).calls
    assert call.arrival == datetime(2026, 7, 1, 17, 30, tzinfo=UTC)


def test_quotes_that_are_never_closed_do_not_swallow_the_rest_of_the_file() -> None:
    broken = '2026-07-01 10:00,38.5,-121.5,"self,other'
    with pytest.raises(Invalid, match="quotes are never closed"):
        read(broken, *(f"2026-07-02 1{n}:00,{PLACE}" for n in range(5)))


def test_a_cell_of_two_lines_is_one_row_as_in_a_spreadsheet() -> None:
    lines = '2026-07-01 10:00,38.5,-121.5,"Mother\nof\nher",other\nsoon,38,-121,self,other\n'
    reading = read_calls(
        f"{HEADS}\n{lines}".splitlines(keepends=True), code_sets(date(2026, 1, 1)), zone=PACIFIC
    )
    assert [call.row for call in reading.calls] == [2]
    assert [bad.row for bad in reading.bad] == [3]


def test_a_comma_without_quotes_does_not_shift_the_columns() -> None:
    assert "more cells than heads" in refused(f"2026-07-01 10:00,{PLACE},,,,,,,,Oak St, Apt 3")
    # Empty ones at the end are what spreadsheets leave behind.
    one(f"2026-07-01 10:00,{PLACE},,,,,,,,,")


def test_a_mistyped_year_neither_stretches_the_report_nor_stops_it_at_its_end() -> None:
    arrived = f"2026-07-01 10:00,{PLACE},2026-07-01 10:05,,2062-07-01 11:00"
    assert "arrival lies more than a year after" in one(arrived).unusable["arrival"]
    with pytest.raises(Invalid, match=r"Row 2 is of 2026, row 3 of 2062"):
        read(f"2026-07-01 10:00,{PLACE}", f"2062-07-01 10:00,{PLACE}")


_minutes = st.integers(0, 300)


@given(st.lists(st.tuples(_minutes, _minutes, _minutes, _minutes), max_size=20))
def test_acts_come_in_the_order_of_their_instants_and_each_calls_in_its_own(
    gaps: list[tuple[int, int, int, int]],
) -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    calls = []
    for row, (received, determined, dispatch, arrival) in enumerate(gaps, start=2):
        at = start + timedelta(minutes=received)
        calls.append(
            RecordedCall(
                row=row,
                place=None,
                source="self",
                concern=None,
                received_at=at,
                determined=at + timedelta(minutes=determined),
                dispatch=at + timedelta(minutes=determined + dispatch),
                arrival=at + timedelta(minutes=determined + dispatch + arrival),
            )
        )
    acts = schedule(calls)
    assert [at for at, _, _ in acts] == sorted(at for at, _, _ in acts)
    for index in range(len(calls)):
        own = [act for _, i, act in acts if i == index]
        assert own == [Act.RECEIVED, Act.DETERMINED, Act.DISPATCHED, Act.ARRIVED]


@pytest.mark.parametrize("took", ["99999999999999", "9" * 30, "1e308", "1e9", "0:65", "1:75", "-5"])
def test_a_duration_that_none_can_be_costs_the_arrival_alone(took: str) -> None:
    heads = "received_at,determined,Response (min)"
    start = "2026-07-01 08:00,2026-07-01 08:05"
    reading = read(f"{start},{took}", f"{start},44", heads=heads)
    lost, good = reading.calls
    assert (lost.arrival, lost.why_unmeasurable) == (None, "arrival can't be used")
    assert good.arrival == datetime(2026, 7, 1, 15, 49, tzinfo=UTC)


@pytest.mark.parametrize("number", ["2.02607E+11", "2,02607e+11", "0", "000", "0-0"])
def test_calls_whose_number_tells_none_from_another_stay_apart(number: str) -> None:
    heads = "incident,received_at,determined,arrival"
    row = f'"{number}",2026-07-01 {{0}}:00,2026-07-01 {{0}}:05,2026-07-01 {{0}}:45'
    reading = read(*(row.format(hour) for hour in ("08", "11", "14")), heads=heads)
    assert [call.row_count for call in reading.calls] == [1, 1, 1]
    assert any("rounded" in note for note in reading.notes) == ("+" in number)


@pytest.mark.parametrize("first", ["", "garbage"])
def test_no_clock_begins_after_the_unit_that_stopped_it_was_sent(first: str) -> None:
    heads = "incident,unit,received_at,determined,dispatch,arrival"
    reading = read(
        f"7,A,2026-07-01 08:00,{first},2026-07-01 08:05,2026-07-01 09:30",
        "7,B,2026-07-01 08:00,2026-07-01 09:20,2026-07-01 09:25,2026-07-01 10:00",
        heads=heads,
    )
    [call] = reading.calls
    assert (call.determined, call.why_unmeasurable) == (None, "determined can't be used")
    assert reading.rows == 2


@pytest.mark.parametrize("text", ["2:30p", "2:30 P", "1430 hrs", "1430 hrs.", "14:30 hrs"])
def test_times_of_day_are_read_as_radio_logs_write_them(text: str) -> None:
    heads = "date,received_time,determined_time,arrival_time"
    [call] = read(f"7/1/2026,13:00,1:05 P,{text}", heads=heads).calls
    assert call.determined == datetime(2026, 7, 1, 20, 5, tzinfo=UTC)
    assert call.arrival == datetime(2026, 7, 1, 21, 30, tzinfo=UTC)
