"""Spreadsheets as the world sends them: encodings, separators, heads, times, days and nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.errors import Invalid
from dispatch.run.imports.roster import RESPONDER_COLUMNS
from dispatch.run.imports.rows import rows_of, text_of
from dispatch.sheets.cells import duration, number, told
from dispatch.sheets.order import settle
from dispatch.sheets.table import MOST_ROWS, table_of
from dispatch.sheets.text import GUESSED, decoded
from dispatch.sheets.times import Order, Told, instants, read_time

PACIFIC = ZoneInfo("America/Los_Angeles")
HEADS = "code,agency,provider_type,licence_until"


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01 13:05",
        "2026-07-01T13:05:00",
        "2026-07-01T20:05:00Z",
        "2026-07-01T15:05:00-05:00",
        "2026-07-01T13:05:00.000-07:00",
        "7/1/2026 13:05",
        "07/01/2026 1:05 PM",
        "7/1/26 1:05 pm",
        "7/1/2026 1:05PM",
        "7/1/26 1:05:00 p.m.",
        "7/1/2026, 1:05 PM",
        "7/1/2026 1:05:00\u202fPM",
        "07-01-2026 13:05",
        "01.07.2026 13:05",
        "2026/07/01 13:05:00",
        "2026/07/01 20:05:00+00",
        "2026-07-01 1:05 PM",
        "2026-07-01 13:05:00.000",
        "2026-07-01 20:05:00.0000000 +00:00",
        "2026-07-01-13.05.00.000000",
        "01-JUL-2026 13:05",
        "1-Jul-26 1:05 PM",
        "01JUL2026:13:05:00",
        "Jul  1 2026  1:05PM",
        "July 1st, 2026 at 1:05 PM",
        "Wednesday, July 1, 2026 1:05 PM",
        "Wed Jul  1 13:05:00 PDT 2026",
        "Wed Jul 01 2026 13:05:00 GMT-0700 (Pacific Daylight Time)",
        "2026-07-01 13:05 PDT",
        "7/1/2026 12:05 PM PST",
        "2026-07-01 20:05:00 UTC",
        "2026-07-01 13:05:00 -0700",
        "13:05 7/1/2026",
        "7/1/2026 1305",
        "7/1/2026 13:05 hrs",
        "20260701 1305",
        "20260701130500",
        "20260701T200500Z",
        "1782936300",
        "1782936300000",
        "46204.5451388889",
        "46204,5451388889",
        '="7/1/2026 13:05"',
        "\u00a07/1/2026\u00a013:05\u200b",
    ],
)
def test_times_are_read_as_spreadsheets_and_databases_write_them(text: str) -> None:
    assert instants(text, PACIFIC) == (datetime(2026, 7, 1, 20, 5, tzinfo=UTC),)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\u00a0", "-", "--", "NA", "n/a", "N/A", "#N/A", "None", "NULL", "\\N", "NaT"),
        *("1899-12-30", "1899-12-30 00:00:00", "12/30/1899 12:00:00 AM", "1/0/1900 0:00"),
        *("1900-01-01", "1/1/1900 12:00:00 AM", "1753-01-01", "1753-01-01 00:00:00.000"),
        *("0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "0001-01-01T00:00:00", "  /  /    "),
        *("1970-01-01 00:00:00", "12/31/1969 16:00", "9999-12-31 23:59:59", "0", "0.0"),
        "1899-12-30T00:00:00.000Z",
    ],
)
def test_every_way_to_write_nothing_is_nothing(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "is no time"),
        ("25:00 o'clock", "is no time"),
        ("2026-07-01", "no time of day"),
        ("13:05", "no day"),
        ("2026-03-08 02:30", "did not occur"),
        ("1926-07-01 10:00", "not of this century"),
        ("1.78E+09", "rounded by the spreadsheet"),
        ("7/1/2026 13:05 PM", "is no time"),
        ("7/1/2026 0:05 AM", "is no time"),
        ("25/12/2026 10:00", "is no time"),
        ("01-Abc-2026 10:00", "is no time"),
        ("2026-07-01T13:05Z PDT", "names two zones"),
        ("45 min", "is no time"),
    ],
)
def test_what_is_no_time_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        instants(text, PACIFIC)


def test_a_local_time_of_the_autumn_night_means_two_instants() -> None:
    assert instants("2026-11-01 01:30", PACIFIC) == (
        datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    )


def test_a_zone_by_letters_tells_which_of_the_two_is_meant() -> None:
    first, second = (instants(f"2026-11-01 01:30 {zone}", PACIFIC) for zone in ("PDT", "pst"))
    assert first + second == instants("2026-11-01 01:30", PACIFIC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        *(("14:05", 14 + 5 / 60), ("2:05 PM", 14 + 5 / 60), ("1405", 14 + 5 / 60)),
        *(("1899-12-30 14:05:00", 14 + 5 / 60), ("1/1/1900 2:05 PM", 14 + 5 / 60)),
        *(("905", 9 + 5 / 60), ("0.25", 6), ("24:00", 24), ("2 PM", 14)),
    ],
)
def test_a_time_of_day_alone_is_told_without_a_day(text: str, hours: float) -> None:
    assert read_time(text) == Told(None, timedelta(seconds=round(hours * 3600)))


def test_a_day_alone_is_told_without_a_time() -> None:
    for text in ("2028-06-30", "6/30/2028", "30-Jun-2028", "June 30, 2028", "20280630", "46934"):
        assert read_time(text) == Told(date(2028, 6, 30), None), text
    assert read_time("30/6/2028", Order.DAY_FIRST) == Told(date(2028, 6, 30), None)


@given(st.datetimes(datetime(2023, 1, 1), datetime(2199, 12, 31)), st.sampled_from(list(Order)))  # noqa: DTZ001 - wall clocks
def test_a_day_and_time_written_in_either_order_is_read_back(wall: datetime, order: Order) -> None:
    wall = wall.replace(microsecond=0)
    day = "%m/%d/%Y" if order is Order.MONTH_FIRST else "%d/%m/%Y"
    for clock in ("%H:%M:%S", "%I:%M:%S %p"):
        found = read_time(wall.strftime(f"{day} {clock}"), order)
        assert found is not None and found.day == wall.date() and found.clock is not None
        assert datetime.combine(found.day, datetime.min.time()) + found.clock == wall


def test_the_order_of_days_is_taken_from_those_that_can_be_read_in_one_way_only() -> None:
    assert settle([(2, "6/7/2026"), (3, "25/12/2026")]) == (Order.DAY_FIRST, False)
    assert settle([(2, "6/7/2026"), (3, "12/25/2026")]) == (Order.MONTH_FIRST, False)
    assert settle([(2, "6/7/2026")]) == (Order.MONTH_FIRST, True)
    assert settle([(2, "2026-07-06"), (3, "7/7/2026")]) == (Order.MONTH_FIRST, False)
    assert settle([(2, "6/7/2026")], Order.DAY_FIRST) == (Order.DAY_FIRST, False)


def test_a_file_that_holds_both_orders_is_refused_with_a_row_of_each() -> None:
    with pytest.raises(Invalid, match="Row 2 has its month first and row 3 its day"):
        settle([(2, "12/25/2026"), (3, "25/12/2026"), (4, "6/7/2026")])
    # Where nothing can be misread, nothing has to be known.
    settle([(2, "12/25/2026"), (3, "25/12/2026")])


@pytest.mark.parametrize(
    ("text", "unit", "minutes"),
    [
        *(("45", "m", 45), ("2700", "s", 45), ("0.75", "h", 45), ("45.5", "m", 45.5)),
        *(("0:45:00", "m", 45), ("45:30", "m", 45.5), ("0:45", "h", 45), ("1:05:00", "h", 65)),
        *(("45 min", "h", 45), ("45min.", "s", 45), ("1 h 5 min", "m", 65), ("1h5m", "s", 65)),
        *(("1 hour, 5 minutes", "m", 65), ("2 hrs and 3 mins", "m", 123), ("3,600 sec", "m", 60)),
        *(("PT45M", "s", 45), ("0 days 00:45:00", "m", 45), ("1.02:00:00", "m", 1560)),
        *(("1,234", "s", 1234 / 60), ("45,5", "m", 45.5), ("1899-12-30 00:45:00", "m", 45)),
        ("0.03125", "d", 45),
    ],
)
def test_durations_are_read_in_every_form(text: str, unit: str, minutes: float) -> None:
    assert duration(text, unit) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("38.5", 38.5), ("38,5", 38.5), ("1,234.5", 1234.5), ("1.234,5", 1234.5)),
        *(
            ("-121,494", -121.494),
            ("1 234", 1234),
            ("\N{MINUS SIGN}121.4", -121.4),
            ("1,200", 1200),
        ),
    ],
)
def test_numbers_are_read_whatever_separates_their_parts(text: str, value: float) -> None:
    assert number(text) == value


def test_a_surname_may_be_null_and_a_cell_may_not() -> None:
    text = f"{HEADS},name\nN/A,Null,lcsw,NULL,None\n"
    [(_, row)] = rows_of("people.csv", text, RESPONDER_COLUMNS)
    assert (row["code"], row["agency"], row["name"]) == ("N/A", "Null", "None")
    assert row["licence_until"] == ""
    assert told("#N/A") == ""


@pytest.mark.parametrize(
    "content",
    [
        "code;agency;provider_type;licence_until\r\nK1;Señora;lcsw;6/30/2028\r\n".encode(),
        "\ufeffcode\tagency\tprovider_type\tlicence_until\nK1\tSeñora\tlcsw\t6/30/2028".encode(
            "utf-16"
        ),
        "code,agency,provider_type,licence_until\nK1,Señora,lcsw,6/30/2028\n".encode("utf-16-le"),
        "code,agency,provider_type,licence_until\nK1,Señora,lcsw,6/30/2028\n".encode("cp1252"),
        '\ufeffsep=;\n"Code";"Agency";"Provider Type";"License until"\nK1;Señora;lcsw;"6/30/2028"'
        "".encode(),
        "\n\nCode|Agency|Provider-Type|LICENCE UNTIL (day)\nK1|Señora|lcsw|6/30/2028".encode(),
    ],
)
def test_every_import_reads_what_spreadsheets_write(content: bytes) -> None:
    text, note = text_of(content)
    rows = list(rows_of("people.csv", text, RESPONDER_COLUMNS))
    [(_, row)] = rows
    assert (row["code"], row["agency"], row["provider_type"]) == ("K1", "Señora", "lcsw")
    assert row["licence_until"] == "6/30/2028"
    assert (note == GUESSED) == (b"\xf1o" in content and b"\x00" not in content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 a workbook", "file_workbook"),
        (b"\x81\x8d\x8f", "file_no_text"),
        (b"a,b\n1,\x00x\n\n", "file_no_text"),
        (b"x" * (16 * 1024 * 1024 + 1), "file_too_long"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_name(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        text_of(content)
    assert caught.value.code == code
    if code != "file_too_long":
        with pytest.raises(Invalid):
            decoded(content)


def test_a_file_of_too_many_rows_is_refused_by_name() -> None:
    table = table_of("a\n" + "1\n" * (MOST_ROWS + 1), {"a"})
    with pytest.raises(Invalid) as caught:
        list(table.rows)
    assert caught.value.code == "file_too_many_rows"


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        ("code,agency,provider_type,naloxon", "naloxon (naloxone?)"),
        ("code,agency,provider_type,licence,License", "licence more than once"),
        ("code;agency", "lacks provider_type"),
    ],
)
def test_heads_that_are_none_or_twice_are_refused_with_the_likely_one(
    heads: str, said: str
) -> None:
    with pytest.raises(Invalid) as caught:
        list(rows_of("people.csv", f"{heads}\n", RESPONDER_COLUMNS))
    assert caught.value.code == "file_columns"
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["9" * 400, "1e400", "-1e400"])
def test_a_number_beyond_all_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="too large"):
        number(text)
