"""How the live feed's messages look: JSON text, put together from parts encoded once.

Must not know what the entities say or who gets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from crisis.board import Board
from dispatch.feed.rules import WIRE_KINDS, Key
from dispatch.feed.views import View

_encode = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def mark_of(board: Board) -> int:
    """Return what tells a board's last event from that of another history with the same seq.

    Microseconds since 1970 when it was recorded; 0 = there is none.
    """
    return mark_at(board.last_recorded_at)


def mark_at(recorded_at: datetime | None) -> int:
    """Return the mark of an event by when it was recorded; ``None`` = there is none."""
    return 0 if recorded_at is None else (recorded_at - _EPOCH) // _MICROSECOND


def snapshot(seq: int, mark: int, up: Iterable[bytes]) -> bytes:
    """Return everything that a view shows as of ``seq``; the client forgets what it had."""
    return b'{"t":"snapshot","seq":%d,"mark":%d,"up":[%b]}' % (seq, mark, b",".join(up))


def changes(seq: int, mark: int, prev: int, up: Iterable[bytes], rm: Iterable[Key]) -> bytes:
    """Return what changed in a view after ``prev`` and up to ``seq``.

    A client that knows less than ``prev`` has missed a frame.
    """
    return b'{"t":"changes","seq":%d,"mark":%d,"prev":%d,"up":[%b],"rm":[%b]}' % (
        seq,
        mark,
        prev,
        b",".join(up),
        b",".join(b'["%b","%b"]' % _named(key) for key in rm),
    )


def _named(key: Key) -> tuple[bytes, bytes]:
    kind, thing_id = key
    return WIRE_KINDS[kind].encode(), str(thing_id).encode()


def welcome(view: View, epoch: str, seq: int, at: datetime, beat_s: float) -> bytes:
    """Return the first message of a session: which view it follows, and how to resume it."""
    return _encode(
        {
            "t": "welcome",
            "county": view.county_id,
            "view": view.role_class,
            "scope": view.scope,
            "epoch": epoch,
            "seq": seq,
            "at": at,
            "beat_s": beat_s,
        }
    )


def beat(seq: int, mark: int, at: datetime, age_s: float, trouble: str) -> bytes:
    """Return a heartbeat: nothing is missing up to ``seq``.

    Args:
        at: the county's now.
        age_s: for how long this node hasn't known it: it vouches for no more.
        trouble: name of the outage that keeps commands from being taken; "" = none.
    """
    return _encode(
        {
            "t": "beat",
            "seq": seq,
            "mark": mark,
            "at": at,
            "age_s": round(age_s, 1),
            "trouble": trouble,
        }
    )


def pong(seq: int, at: datetime) -> bytes:
    """Return the answer to a client's ping."""
    return _encode({"t": "pong", "seq": seq, "at": at})


def fixes(at: datetime, rows: Iterable[bytes]) -> bytes:
    """Return the newest positions of some teams, each as ``fix_row``."""
    return b'{"t":"fixes","at":%b,"f":[%b]}' % (_encode(at), b",".join(rows))


def fix_row(
    team_id: UUID,
    lat_deg: float,
    lon_deg: float,
    accuracy_m: float | None,
    fixed_at: datetime,
    heading_deg: float | None,
) -> bytes:
    """Return one team's position; degrees to about a metre, metres and heading to whole ones."""
    accuracy = round(accuracy_m) if accuracy_m is not None else None
    heading = round(heading_deg) if heading_deg is not None else None
    return _encode((team_id, round(lat_deg, 5), round(lon_deg, 5), accuracy, fixed_at, heading))


def alert(
    template: str,
    number: int | None,
    urgency: str,
    at: datetime,
    key: str = "",
    call_sign: str | None = None,
) -> bytes:
    """Return a notice that a person must see.

    Args:
        template: code of the message; the words are the client's.
        number: the incident's number; ``None`` = about none.
        urgency: ``now`` (rings), ``soon`` or ``info``.
        key: the same for the same notice sent again.
        call_sign: of the team that it is about; ``None`` = the incident says enough.
    """
    return _encode(
        {
            "t": "alert",
            "template": template,
            "number": number,
            "urgency": urgency,
            "at": at,
            "key": key,
            "call_sign": call_sign,
        }
    )
