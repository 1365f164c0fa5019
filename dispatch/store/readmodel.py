"""The rows of the read models, made from what a group of events changed.

Each row is a folded thing with a few columns beside it for constraints, lists and reports; the rows
that are open are the board's snapshot. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypedDict

import msgspec

from crisis.assignment import Assignment, Status
from crisis.board import FOLD_VERSION, Change
from crisis.call import Call
from crisis.duress import Duress
from crisis.errors import Conflict
from crisis.incident.state import Incident
from crisis.obligation import Obligation
from crisis.offer import Offer
from crisis.responder import Responder
from crisis.run_times import left_at
from crisis.team import Shift, Team
from dispatch.store.codec import sealed_incident
from dispatch.store.errors import register_constraint
from dispatch.store.sealing import CountyKeys

Row = dict[str, Any]

register_constraint(
    "one_incident_per_paper_number",
    lambda: Conflict("paper_number_taken", "That paper number is another incident's."),
)


class Models(TypedDict, total=False):
    """Rows by table, as ``write_models`` takes them."""

    incidents: list[Row]
    offers: list[Row]
    assignments: list[Row]
    calls: list[Row]
    teams: list[Row]
    responders: list[Row]
    shifts: list[Row]
    duress: list[Row]
    obligations: list[Row]


def newest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each thing, in the order in which they first changed."""
    last: dict[tuple[str, object], Change] = {}
    for change in changes:
        last[change.kind, change.entity.id] = change
    return list(last.values())


def models(
    county_id: int,
    changes: Iterable[Change],
    before: dict[Any, Incident],
    keys: CountyKeys,
) -> Models:
    """Return the rows that the changes call for.

    Args:
        before: incidents as they stood before the group; offers and runs that are the same there
            need no row.
    """
    rows: dict[str, list[Row]] = {}
    for change in newest(changes):
        entity = change.entity
        row = _row(county_id, entity)
        row["is_open"] = change.on_board
        if isinstance(entity, Incident):
            row["body"], row["sealed"] = sealed_incident(entity, keys)
            _parts(county_id, entity, before.get(entity.id), rows)
        rows.setdefault(change.kind, []).append(row)
    # What ends comes first: a team's next offer or run may stand in the same group, and the
    # constraints look at each row as it is written.
    rows.get("offers", []).sort(key=lambda row: row["state"] == "pending")
    rows.get("assignments", []).sort(key=lambda row: row["is_open"])
    rows.get("shifts", []).sort(key=lambda row: row["is_open"])
    rows.get("teams", []).sort(key=lambda row: row["is_open"])
    return rows  # type: ignore[return-value]  # the keys are the tables' names


def _parts(
    county_id: int, incident: Incident, before: Incident | None, rows: dict[str, list[Row]]
) -> None:
    for table in ("offers", "assignments"):
        known = {part.id: part for part in getattr(before, table)} if before else {}
        for part in getattr(incident, table):
            if known.get(part.id) is not part:
                row = _row(county_id, part)
                row["incident_id"] = incident.id
                rows.setdefault(table, []).append(row)


class _Model(NamedTuple):
    """How a thing becomes a row: the columns that are copied, and those that are made."""

    columns: tuple[str, ...]
    copied: Callable[[Any], tuple[Any, ...]]
    made: Callable[[Any], Row]


def _model(id_: str, *columns: str, made: Callable[[Any], Row]) -> _Model:
    """Return the rule of a table; the thing has a field, or a property, of each column's name.

    ``id_``: what the table calls the thing's own id.
    """
    return _Model((id_, *columns), attrgetter("id", *columns), made)


def _row(county_id: int, thing: Any) -> Row:
    model = _MODELS[type(thing)]
    row = dict(zip(model.columns, model.copied(thing), strict=True))
    row["county_id"] = county_id
    row.update(model.made(thing))
    return row


def _whole(thing: Any) -> Row:
    """The folded thing itself, and by which fold."""
    return {"fold_version": FOLD_VERSION, "body": thing}


def _incident(incident: Incident) -> Row:
    place, standard = incident.place, incident.standard
    return {
        "area_class": place.area_class,
        "area_method": place.area_method,
        "area_version": place.area_version,
        "excluded_setting": place.excluded_setting,
        "standard_minutes": standard.minutes if standard else None,
        "standard_version": standard.version if standard else None,
        "fold_version": FOLD_VERSION,
    }


def _run(run: Assignment) -> Row:
    return {
        "accepted_at": run.milestones.get(Status.ACCEPTED),
        "on_scene_at": run.milestones.get(Status.ON_SCENE),
        "left_at": left_at(run),
    }


def _team(team: Team) -> Row:
    return {"spoken_as": team.call_sign.lower() if team.is_open else None, **_whole(team)}


def _shift(shift: Shift) -> Row:
    return {"during": _during(shift), **_whole(shift)}


def _during(shift: Shift) -> str:
    end: datetime = shift.ends_at
    if shift.ended_at is not None:
        end = min(end, shift.ended_at)
    if end <= shift.starts_at:
        return "empty"
    return f"[{shift.starts_at.isoformat()},{end.isoformat()})"


_MODELS: Mapping[type[msgspec.Struct], _Model] = {
    Incident: _model(
        "incident_id",
        *("number", "state", "received_at", "determined_at", "due_at", "first_on_scene_at"),
        *("ended_at", "outcome", "reason", "acuity", "referral_source", "back_entered"),
        *("paper_number", "merged_into"),
        made=_incident,
    ),
    Offer: _model(
        "offer_id",
        *("slot", "rung", "team_id", "state", "offered_at", "expires_at", "answered_at"),
        *("reason", "override_reason", "eta_s"),
        made=lambda _: {},
    ),
    Assignment: _model(
        "assignment_id",
        *("offer_id", "slot", "team_id", "state", "is_open", "qualifying", "end_reason"),
        "milestones",
        made=_run,
    ),
    Call: _model(
        "call_id",
        *("state", "channel", "referral_source", "offered_at", "answered_at", "ended_at"),
        "incident_id",
        made=_whole,
    ),
    Team: _model("team_id", "agency_id", "call_sign", "duty", made=_team),
    Responder: _model("responder_id", "agency_id", made=_whole),
    Shift: _model(
        "shift_id",
        *("team_id", "starts_at", "ends_at", "started_at", "ended_at", "cancelled"),
        made=_shift,
    ),
    Duress: _model(
        "duress_id",
        *("team_id", "state", "raised_at", "acknowledged_at", "resolved_at"),
        made=_whole,
    ),
    Obligation: _model(
        "obligation_id",
        *("kind", "state", "due_at", "closed_at", "incident_id"),
        made=_whole,
    ),
}
