"""What is told of a situation, checked and split: what may stand in events, what is private.

Decides the class of a place, which codes are accepted, and what must be warned of. Shared by the
handlers that open, determine and amend an incident. Must not know who may be sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from crisis.commands import PlaceInput
from crisis.errors import Invalid, NotFound
from crisis.ids import IncidentId
from crisis.incident import NoteAdded
from crisis.shapes import Value
from crisis.standards import local_day
from crisis.triage import Acuity, Answer, Clinical, Hazard, Need, Place
from dispatch.decide.context import Deciding
from geo.counties import county_class
from geo.point import Point, coarse
from geo.zone import AreaClass, AreaMethod, Classification, classify


class Situation(Value, frozen=True, kw_only=True):
    """Everything that an amendment may change."""

    place: Place
    acuity: Acuity | None = None
    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    clinical: Clinical = Clinical()


#: Stands in where the county has no class; told apart by identity, never stored.
_UNCLASSED = Classification(
    area_class=AreaClass.URBAN, method=AreaMethod.COUNTY_CLASS, version="unclassed"
)


def warning(code: str, sentence: str, **facts: object) -> dict[str, Any]:
    """Return a warning for a result: something to know that blocks nothing."""
    return {"code": code, "sentence": sentence, **facts}


def each_once(warnings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the warnings, each once: what is missing is missed at every later step."""
    return [one for n, one in enumerate(warnings) if one not in warnings[:n]]


def told(
    d: Deciding,
    incident_id: IncidentId,
    before: Situation,
    *,
    place: PlaceInput | None,
    acuity: Acuity | None,
    needs: tuple[Need, ...] | None,
    hazards: tuple[Hazard, ...] | None,
    concerns: tuple[str, ...] | None,
    screening: Mapping[str, Answer] | None,
) -> Situation:
    """Return the situation after what was told; ``None`` = nothing said, stays as it was.

    Raises:
        Invalid: ``unknown_code``, ``need_names_no_team``.
        NotFound: ``unknown_team``.
    """
    clinical = before.clinical
    after_place, point = before.place, clinical.point
    if place is not None:
        after_place, point = _placed(d, incident_id, before.place, point, place)
    for code in concerns or ():
        d.code("crisis_type", code)
    for item in screening or {}:
        d.code("risk_item", item)
    return Situation(
        place=_classed(d, after_place, point),
        acuity=before.acuity if acuity is None else acuity,
        needs=before.needs if needs is None else _needs(d, needs),
        hazards=before.hazards if hazards is None else _hazards(d, hazards, before.hazards),
        clinical=Clinical(
            point=point,
            concerns=clinical.concerns if concerns is None else concerns,
            screening={**clinical.screening, **(screening or {})},
            erased=clinical.erased,
        ),
    )


def _placed(
    d: Deciding, incident_id: IncidentId, before: Place, point: Point | None, given: PlaceInput
) -> tuple[Place, Point | None]:
    """Return the place and the exact point; the typed address goes to a record, as typed."""
    location_type = given.location_type or before.location_type
    kind = d.rules.codes.require("location_type", location_type)
    record = None
    if given.address is None and before.address_record is not None:
        # How to get in came later: the typed address stays what it is.
        access = d.record("access", "access", incident_id, {"access": given.access})
        if access is not None:
            d.emit(NoteAdded(incident_id=incident_id, record=access))
    else:
        typed = {"address": given.address, "access": given.access}
        record = d.record("address", "address", incident_id, typed)
    point = point if given.point is None else given.point
    place = Place(
        cell=None if point is None else coarse(point),
        location_type=location_type,
        excluded_setting="excluded_setting" in kind.flags,
        address_record=before.address_record if record is None else str(record),
    )
    return place, point


def _classed(d: Deciding, place: Place, point: Point | None) -> Place:
    """Return the place with its class: by the finer polygon that holds it, else its county's."""
    on = local_day(d.occurred_at, d.policy.tz())
    try:
        default = county_class(f"{d.board.county_id:05d}", on)
    except LookupError:
        # No class can be told of the county: without a polygon the stricter standard holds.
        default = _UNCLASSED
    found = classify(point, default, d.rules.areas)
    if found is _UNCLASSED:
        return msgspec.structs.replace(place, area_class=None, area_method="", area_version="")
    return msgspec.structs.replace(
        place,
        area_class=found.area_class,
        area_method=found.method.value,
        area_version=found.version,
    )


def _needs(d: Deciding, needs: tuple[Need, ...]) -> tuple[Need, ...]:
    for need in needs:
        known = d.rules.codes.require("need", need.code)
        if need.team_id is None:
            continue
        if "ranking" not in known.attributes:
            raise Invalid("need_names_no_team", f"{known.label}: that need is about no one team.")
        if need.team_id not in d.board.teams:
            raise NotFound("unknown_team", "There is no such team in this county.")
    return needs


def _hazards(
    d: Deciding, hazards: tuple[Hazard, ...], before: tuple[Hazard, ...]
) -> tuple[Hazard, ...]:
    """Return the hazards, each with the instant at which it was first noted."""
    noted = {(h.code, h.source): h.noted_at for h in before}
    for hazard in hazards:
        d.code("hazard", hazard.code)
        d.code("hazard_source", hazard.source)
    return tuple(
        msgspec.structs.replace(
            h, noted_at=h.noted_at or noted.get((h.code, h.source)) or d.occurred_at
        )
        for h in hazards
    )


def warnings_of(situation: Situation) -> list[dict[str, Any]]:
    """Return what a person must know of the place; nothing of it blocks."""
    found = []
    if situation.place.excluded_setting:
        found.append(
            warning(
                "excluded_setting",
                "No Medi-Cal mobile crisis benefit at this kind of place: a response is not "
                "billable and does not count in the benefit's response times.",
                location_type=situation.place.location_type,
            )
        )
    if situation.clinical.point is None:
        found.append(
            warning(
                "location_unknown",
                "The place isn't known exactly: its class is the county's, and no travel time can "
                "be told.",
            )
        )
    return found


def hazards_known(d: Deciding, hazards: tuple[Hazard, ...], clinical: Clinical) -> frozenset[str]:
    """Return the codes of the hazards that a crew must know: noted, or answered yes."""
    implied = {
        item.attributes["hazard"]
        for item in d.rules.codes["risk_item"]
        if "hazard" in item.attributes and clinical.screening.get(item.code) is Answer.YES
    }
    return frozenset({hazard.code for hazard in hazards} | implied)
