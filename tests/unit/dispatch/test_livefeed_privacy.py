"""Nothing private ever leaves in a frame of the live feed: shown with every field marked."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import msgspec

from crisis.assignment import Status
from crisis.board import KINDS, Board
from crisis.commands import (
    AcknowledgePartner,
    EncounterInput,
    PlaceInput,
    RaiseDuress,
    RecordEncounter,
    ReportStatus,
    RequestPartner,
    SubjectInput,
)
from crisis.duress import DuressHelpSent
from crisis.incident.events import SmallEvent
from crisis.incident.state import Incident, IncidentFlagged
from crisis.rights import RoleClass
from crisis.triage import Answer, Hazard, Need
from dispatch.feed import Feed
from dispatch.store.codec import PrivateIncident
from geo.point import Point
from tests.unit.dispatch.board_kit import (
    County,
    changed,
    on_team,
)
from tests.unit.dispatch.livefeed_kit import (
    DESK,
    FOLLOW_UP,
    OWN_AGENCY,
    WALL,
    team_view,
)

EXACT = Point(lat_deg=37.123456, lon_deg=-122.654321)
#: The only typed or coded words that may leave in a frame: codes of the versioned sets, names that
#: the county gives its teams and zones, and words that the service itself chose.
MAY_LEAVE = {
    "Assignment.arrival_shortfalls",
    "Assignment.shortfalls",
    "Assignment.staging_reason",
    "Call.channel",
    "Call.confirmed",
    "Call.direction",
    "Call.referral_source",
    "Duress.cause",
    "Duress.help",
    "Flag.about",
    "Flag.flag",
    "Hazard.code",
    "Hazard.source",
    "Danger.not_asked",
    "Danger.unknown",
    "Incident.outcome",
    "Incident.reason",
    "Incident.referral_source",
    "Need.code",
    "Obligation.stage",
    "Offer.shortfalls",
    "PartnerResponse.kind",
    "Place.location_type",
    "Place.other_types",
    "Team.call_sign",
    "Team.capabilities",
    "Team.unavailable_reason",
    "Team.zones",
}


def full_county() -> County:
    """A county where every part of every thing is there to be leaked."""
    county = County()
    blue, red = county.team("Blue 1"), county.team("Red 1")
    incident_id = county.determined(
        slots=2,
        call_id=county.call(),
        needs=(Need(code="youth"),),
        hazards=(Hazard(code="animals"),),
        place=PlaceInput(point=EXACT, address="x", location_type="home"),
        concerns=("suicide_risk",),
        screening={"weapon_on_scene": Answer.NO},
        narrative="x",
        subjects=(SubjectInput(name="x"),),
    )
    run = county.running(incident_id, blue)
    county.offered(incident_id, red)
    for status in (Status.EN_ROUTE, Status.ON_SCENE):
        report = ReportStatus(assignment_id=run, status=status, briefed_by="team")
        county.do(report, by=on_team(blue))
    encounter = EncounterInput(disposition="stabilized_referral", note="x")
    county.do(RecordEncounter(assignment_id=run, encounter=encounter), by=on_team(blue))
    asked = county.do(RequestPartner(incident_id=incident_id, kind="ems", reason="medical")).result
    county.do(
        AcknowledgePartner(
            incident_id=incident_id, partner_id=asked["partner_id"], agency="x", reference="x"
        )
    )
    county.do(RaiseDuress(team_id=blue), by=on_team(blue))
    county.happen(DuressHelpSent(duress_id=next(iter(county.board.duress)), who="other"))
    county.happen(IncidentFlagged(incident_id=incident_id, flag="x"))
    return county


def _strings_allowed(annotation: Any) -> bool:
    """Whether a field of this type can hold free characters."""
    if annotation is str:
        return True
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(_strings_allowed(a) for a in typing.get_args(annotation))
    return False


def _marked(value: Any, path: str) -> Any:
    """``value`` with a marker that names the field in every place that can hold characters."""
    if isinstance(value, msgspec.Struct):
        name = type(value).__name__
        hints = typing.get_type_hints(type(value))
        fields = {}
        for field in msgspec.structs.fields(value):
            spot = f"{name}.{field.name}"
            if _strings_allowed(hints[field.name]):
                fields[field.name] = f"<{spot}>"
            elif _holds_strings(hints[field.name]):
                fields[field.name] = type(getattr(value, field.name))([f"<{spot}>"])
            else:
                fields[field.name] = _marked(getattr(value, field.name), spot)
        return changed(value, **fields)
    if isinstance(value, tuple):
        return tuple(_marked(v, path) for v in value)
    if isinstance(value, dict):
        keyed = {f"<{path}>": v for v in value.values()} if _is_free(value) else value
        return {k: _marked(v, path) for k, v in keyed.items()}
    return value


def _holds_strings(annotation: Any) -> bool:
    """Whether it is a tuple or set of strings, or one of those or nothing."""
    if isinstance(annotation, types.UnionType):
        return any(_holds_strings(a) for a in typing.get_args(annotation))
    args = typing.get_args(annotation)
    return typing.get_origin(annotation) in (tuple, frozenset) and args[0] is str


def _is_free(value: dict[Any, Any]) -> bool:
    return any(isinstance(k, str) and not isinstance(k, Enum) for k in value)


def _all_strings(value: Any) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _all_strings(getattr(value, field.name))
    elif isinstance(value, dict):
        for k, v in value.items():
            yield from _all_strings(k)
            yield from _all_strings(v)
    elif isinstance(value, tuple | frozenset):
        for v in value:
            yield from _all_strings(v)
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield value


def marked_board(county: County) -> Board:
    """The county's board with every place that can hold characters filled with its own name.

    Arrival shortfalls, telehealth seconds and the like are there as well.
    """
    board = county.board
    kinds = {}
    for kind in KINDS:
        kinds[kind] = {k: _marked(v, kind) for k, v in getattr(board, kind).items()}
    incidents = {}
    for incident_id, incident in kinds["incidents"].items():
        # As if a fault had put the exact point where the cell belongs.
        place = changed(incident.place, cell=EXACT)
        runs = tuple(
            changed(a, arrival_shortfalls=("<Assignment.arrival_shortfalls>",))
            for a in incident.assignments
        )
        incidents[incident_id] = changed(incident, place=place, assignments=runs)
    kinds["incidents"] = incidents
    marked: Board = changed(board, **kinds)
    return marked


def everything_shown(board: Board) -> bytes:
    """All snapshots of all views of a board."""
    feed = Feed(warm=tuple(RoleClass))
    feed.start(board)
    views = [DESK, WALL, FOLLOW_UP, OWN_AGENCY, *(team_view(t) for t in board.teams)]
    return b"".join(feed.catch_up(view, None) for view in views)


def test_no_private_word_leaves_in_a_frame() -> None:
    board = marked_board(full_county())
    markers = {s for kind in KINDS for v in getattr(board, kind).values() for s in _all_strings(v)}
    # The test sees what there is to be leaked.
    assert {
        "<Clinical.concerns>",
        "<Clinical.screening>",
        "<Encounter.disposition>",
        "<Place.address_record>",
        "<Incident.paper_number>",
        "<Subject.label>",
        "<Assignment.briefed_by>",
    } <= markers
    out = everything_shown(board).decode()
    left = {marker.strip("<>") for marker in markers if marker in out}
    assert left == MAY_LEAVE


def test_no_exact_point_of_a_person_and_no_record_leaves_in_a_frame() -> None:
    county = full_county()
    board = marked_board(county)
    (incident,) = board.incidents.values()
    assert incident.clinical.point == EXACT
    out = everything_shown(board).decode()
    assert "37.1234" not in out and "122.6543" not in out
    records = [
        *incident.records,
        *(s.record for s in incident.subjects),
        *(e.note_record for e in incident.encounters),
        *(c.caller_record for c in board.calls.values()),
    ]
    assert any(records)
    assert not [r for r in records if r is not None and str(r) in out]


def test_what_events_seal_of_an_incident_is_sealed_in_its_row_too() -> None:
    sealed = {name for body in get_args(SmallEvent) for name in getattr(body, "SEALED", ())}
    assert {"clinical", "danger", "suggestion", "theirs"} <= sealed
    in_rows = set(PrivateIncident.__struct_fields__)
    assert sealed & set(Incident.__struct_fields__) <= in_rows
    # What came with a merge, and what was known before it, stands in what was joined.
    assert "joins" in in_rows
