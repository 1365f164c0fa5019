"""What is told of a situation, checked and split: what may stand in events, what is private.

Decides the class of a place, which codes are accepted, and what must be warned of. Shared by the
handlers that open, determine and amend an incident. Must not know who may be sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from crisis.commands import PlaceInput
from crisis.errors import Invalid, NotFound
from crisis.ids import IncidentId
from crisis.incident.danger import SCREENING, contradictions, danger_of, settled
from crisis.incident.situation import Situation, other_type
from crisis.incident.state import NoteAdded
from crisis.standards import local_day
from crisis.triage import Clinical, Hazard, Need, Place
from dispatch.decide.context import Deciding
from dispatch.decide.reach import county_elsewhere, require_in_reach
from dispatch.decide.telling import Merging, Said
from geo.counties import county_class
from geo.point import Point, coarse
from geo.zone import AreaClass, AreaMethod, Classification, classify


class Told(NamedTuple):
    """The situation after what was told, and what to warn of."""

    situation: Situation
    warnings: list[dict[str, Any]]


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
    said: Said,
    version: int = 1,
    clock: datetime | None = None,
) -> Told:
    """Return the situation after what was said.

    Args:
        version: of the incident, at present.
        clock: when it was determined; ``None`` = not before now. The class of a place belongs to it
            and that instant: from then on only another place asks for another class.

    Raises:
        Invalid: ``unknown_code``, ``need_names_no_team``, ``added_and_removed``,
            ``unknown_version``, ``place_out_of_reach``.
        NotFound: ``unknown_team``.
        StaleVersion: ``stale_version``: somebody else changed it since the sender looked.
    """
    if said.version is not None and said.version > version:
        raise Invalid("unknown_version", "The incident has no such version.", version=version)
    _check_codes(d, said)
    said = _with_strengths(d, said)
    clinical, merging = before.clinical, Merging(said)
    place, point = before.place, clinical.point
    if said.place is not None:
        place, point = _placed(d, incident_id, before, said.place, merging)
    if point is not None and point != clinical.point:
        require_in_reach(d.board.county_id, point)
    if clock is None:
        place = _classed(d, place, point, d.occurred_at)
    elif point != clinical.point:
        place = _classed(d, place, point, clock)
    after = Situation(
        place=place,
        acuity=merging.value("acuity", before.acuity, said.acuity),
        needs=merging.needs(before.needs),
        hazards=_noted(d, merging.hazards(before.hazards), before.hazards),
        clinical=Clinical(
            point=point,
            concerns=merging.concerns(clinical.concerns),
            screening=merging.screening(clinical.screening),
            erased=clinical.erased,
        ),
    )
    merging.require_fresh(version)
    settled_ = _settled(d, after, said, merging.kept)
    if point is not None and point != clinical.point:
        settled_.warnings.extend(_elsewhere(d, point))
    return settled_


def _elsewhere(d: Deciding, point: Point) -> list[dict[str, Any]]:
    county = county_elsewhere(d.board.county_id, point)
    if county is None:
        return []
    sentence = f"That point lies in {county} County: check it, and who should go."
    return [warning("outside_county", sentence, county=county)]


def _settled(d: Deciding, after: Situation, said: Said, kept: list[str]) -> Told:
    """Settle what contradicts itself to the worse, and tell what isn't as the sender said it."""
    codes, warnings = d.rules.codes, []
    for item, hazard in contradictions(after, codes):
        noted = codes.require("hazard", hazard).label
        warnings.append(
            warning(
                "danger_contradicts",
                f"{item.label}: yes, because a hazard says so ({noted}). If it is over, take the "
                "hazard back and answer no in one act.",
                item=item.code,
                hazard=hazard,
            )
        )
    situation = settled(after, codes)
    still = set(said.remove_hazards) & set(danger_of(situation, codes).codes)
    warnings.extend(
        warning(
            "hazard_screened",
            f"{codes.require('hazard', hazard).label} stays: the screening says yes to it. If it "
            "is over, answer that no.",
            hazard=hazard,
        )
        for hazard in sorted(still)
    )
    if kept:
        warnings.append(
            warning(
                "unseen_kept",
                "What others had added stays; take it away by name.",
                fields=sorted({name.split("/")[0] for name in kept}),
            )
        )
    return Told(situation, warnings)


def _check_codes(d: Deciding, said: Said) -> None:
    for code in (*(said.concerns or ()), *said.add_concerns, *said.remove_concerns):
        d.code("crisis_type", code)
    for item in said.screening or {}:
        d.code("risk_item", item)
    for code in said.remove_needs:
        d.code("need", code)
    for code in said.remove_hazards:
        d.code("hazard", code)
    _check_needs(d, (*(said.needs or ()), *said.add_needs))
    for hazard in (*(said.hazards or ()), *said.add_hazards):
        d.code("hazard", hazard.code)
        if hazard.source != SCREENING:
            d.code("hazard_source", hazard.source)


def _with_strengths(d: Deciding, said: Said) -> Said:
    """Return what was said with each need a must or a wish; what isn't said is as its code says."""

    def strong(needs: tuple[Need, ...]) -> tuple[Need, ...]:
        return tuple(
            msgspec.structs.replace(need, hard=_is_must(d, need)) if need.hard is None else need
            for need in needs
        )

    return msgspec.structs.replace(
        said,
        needs=None if said.needs is None else strong(said.needs),
        add_needs=strong(said.add_needs),
    )


def _is_must(d: Deciding, need: Need) -> bool:
    return "hard" in d.rules.codes.require("need", need.code).flags


def _placed(
    d: Deciding, incident_id: IncidentId, before: Situation, given: PlaceInput, merging: Merging
) -> tuple[Place, Point | None]:
    """Return the place and the exact point; the typed address goes to a record, as typed."""
    was = before.place
    location_type = merging.value("location_type", was.location_type, given.location_type)
    kind, others = d.rules.codes.require("location_type", location_type), was.other_types
    if location_type != was.location_type:
        # Whoever says what kind of place it is says so of all that it was called.
        others = tuple(code for code in others if merging.value(other_type(code), True, False))
    address, access = was.address_record, was.access_record
    if given.address is None and address is not None:
        # How to get in came later: the typed address stays what it is.
        told = d.record("access", "access", incident_id, {"access": given.access})
        if told is not None:
            d.emit(NoteAdded(incident_id=incident_id, record=told))
        access = merging.value("access", access, told)
    else:
        typed = {"address": given.address, "access": given.access}
        record = d.record("address", "address", incident_id, typed)
        address = merging.value("address", address, None if record is None else str(record))
    point = merging.value("point", before.clinical.point, given.point)
    place = msgspec.structs.replace(
        was,
        cell=None if point is None else coarse(point),
        location_type=location_type,
        other_types=others,
        excluded_setting="excluded_setting" in kind.flags,
        address_record=address,
        access_record=access,
    )
    return place, point


def _classed(d: Deciding, place: Place, point: Point | None, at: datetime) -> Place:
    """Return the place with its class of that instant.

    By the finer polygon that holds it, else its county's.
    """
    on = local_day(at, d.policy.tz())
    try:
        default = county_class(f"{d.board.county_id:05d}", on)
    except LookupError:
        # No class can be told of the county: without a polygon the stricter standard holds.
        default = _UNCLASSED
    found = classify(point, default, d.rules.at(at).areas)
    if found is _UNCLASSED:
        return msgspec.structs.replace(place, area_class=None, area_method="", area_version="")
    return msgspec.structs.replace(
        place,
        area_class=found.area_class,
        area_method=found.method.value,
        area_version=found.version,
    )


def _check_needs(d: Deciding, needs: tuple[Need, ...]) -> None:
    for need in needs:
        known = d.rules.codes.require("need", need.code)
        if need.team_id is None:
            continue
        if "ranking" not in known.attributes:
            raise Invalid("need_names_no_team", f"{known.label}: that need is about no one team.")
        if need.team_id not in d.board.teams:
            raise NotFound("unknown_team", "There is no such team in this county.")


def _noted(
    d: Deciding, hazards: tuple[Hazard, ...], before: tuple[Hazard, ...]
) -> tuple[Hazard, ...]:
    """Return the hazards, each with the instant at which it was first noted."""
    noted = {(h.code, h.source): h.noted_at for h in before}
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
