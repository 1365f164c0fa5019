"""The rows of the read models, made from what a group of events changed.

Each row is a folded thing with a few columns beside it for constraints, lists and reports; the rows
that are open are the board's snapshot. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

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
        if isinstance(entity, Incident):
            rows.setdefault("incidents", []).append(_incident(county_id, entity, change, keys))
            _parts(county_id, entity, before.get(entity.id), rows)
        else:
            row = _ROWS[type(entity)](county_id, entity)
            row["is_open"] = change.on_board
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
    known_offers = {o.id: o for o in before.offers} if before else {}
    known_runs = {a.id: a for a in before.assignments} if before else {}
    for offer in incident.offers:
        if known_offers.get(offer.id) is not offer:
            rows.setdefault("offers", []).append(_offer(county_id, incident, offer))
    for run in incident.assignments:
        if known_runs.get(run.id) is not run:
            rows.setdefault("assignments", []).append(_assignment(county_id, incident, run))


def _incident(county_id: int, incident: Incident, change: Change, keys: CountyKeys) -> Row:
    body, sealed = sealed_incident(incident, keys)
    place, standard = incident.place, incident.standard
    return {
        "county_id": county_id,
        "incident_id": incident.id,
        "number": incident.number,
        "state": incident.state,
        "is_open": change.on_board,
        "received_at": incident.received_at,
        "determined_at": incident.determined_at,
        "due_at": incident.due_at,
        "first_on_scene_at": incident.first_on_scene_at,
        "ended_at": incident.ended_at,
        "outcome": incident.outcome,
        "reason": incident.reason,
        "acuity": incident.acuity,
        "area_class": place.area_class,
        "area_method": place.area_method,
        "area_version": place.area_version,
        "standard_minutes": standard.minutes if standard else None,
        "standard_version": standard.version if standard else None,
        "referral_source": incident.referral_source,
        "excluded_setting": place.excluded_setting,
        "back_entered": incident.back_entered,
        "paper_number": incident.paper_number,
        "merged_into": incident.merged_into,
        "fold_version": FOLD_VERSION,
        "body": body,
        "sealed": sealed,
    }


def _offer(county_id: int, incident: Incident, offer: Offer) -> Row:
    return {
        "county_id": county_id,
        "offer_id": offer.id,
        "incident_id": incident.id,
        "slot": offer.slot,
        "rung": offer.rung,
        "team_id": offer.team_id,
        "state": offer.state,
        "offered_at": offer.offered_at,
        "expires_at": offer.expires_at,
        "answered_at": offer.answered_at,
        "reason": offer.reason,
        "override_reason": offer.override_reason,
        "eta_s": offer.eta_s,
    }


_MILESTONES: tuple[tuple[str, Status], ...] = tuple(
    (f"{status.value}_at", status) for status in Status
)


def _assignment(county_id: int, incident: Incident, run: Assignment) -> Row:
    row: Row = {
        "county_id": county_id,
        "assignment_id": run.id,
        "incident_id": incident.id,
        "offer_id": run.offer_id,
        "slot": run.slot,
        "team_id": run.team_id,
        "state": run.state,
        "is_open": run.is_open,
        "qualifying": run.qualifying,
        "end_reason": run.end_reason,
    }
    for column, status in _MILESTONES:
        row[column] = run.milestones.get(status)
    return row


def _call(county_id: int, call: Call) -> Row:
    return {
        "county_id": county_id,
        "call_id": call.id,
        "state": call.state,
        "channel": call.channel,
        "referral_source": call.referral_source,
        "offered_at": call.offered_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "incident_id": call.incident_id,
        "fold_version": FOLD_VERSION,
        "body": call,
    }


def _team(county_id: int, team: Team) -> Row:
    return {
        "county_id": county_id,
        "team_id": team.id,
        "agency_id": team.agency_id,
        "call_sign": team.call_sign,
        "spoken_as": team.call_sign.lower() if team.is_open else None,
        "duty": team.duty,
        "fold_version": FOLD_VERSION,
        "body": team,
    }


def _responder(county_id: int, responder: Responder) -> Row:
    return {
        "county_id": county_id,
        "responder_id": responder.id,
        "agency_id": responder.agency_id,
        "fold_version": FOLD_VERSION,
        "body": responder,
    }


def _shift(county_id: int, shift: Shift) -> Row:
    return {
        "county_id": county_id,
        "shift_id": shift.id,
        "team_id": shift.team_id,
        "starts_at": shift.starts_at,
        "ends_at": shift.ends_at,
        "started_at": shift.started_at,
        "ended_at": shift.ended_at,
        "cancelled": shift.cancelled,
        "during": _during(shift),
        "fold_version": FOLD_VERSION,
        "body": shift,
    }


def _during(shift: Shift) -> str:
    end: datetime = shift.ends_at
    if shift.ended_at is not None:
        end = min(end, shift.ended_at)
    if end <= shift.starts_at:
        return "empty"
    return f"[{shift.starts_at.isoformat()},{end.isoformat()})"


def _duress(county_id: int, duress: Duress) -> Row:
    return {
        "county_id": county_id,
        "duress_id": duress.id,
        "team_id": duress.team_id,
        "state": duress.state,
        "raised_at": duress.raised_at,
        "acknowledged_at": duress.acknowledged_at,
        "resolved_at": duress.resolved_at,
        "fold_version": FOLD_VERSION,
        "body": duress,
    }


def _obligation(county_id: int, obligation: Obligation) -> Row:
    return {
        "county_id": county_id,
        "obligation_id": obligation.id,
        "kind": obligation.kind,
        "state": obligation.state,
        "due_at": obligation.due_at,
        "closed_at": obligation.closed_at,
        "incident_id": obligation.incident_id,
        "fold_version": FOLD_VERSION,
        "body": obligation,
    }


_ROWS: dict[type[msgspec.Struct], Any] = {
    Call: _call,
    Team: _team,
    Responder: _responder,
    Shift: _shift,
    Duress: _duress,
    Obligation: _obligation,
}
