"""The county's own urban and rural areas: the edition in force, and a new one.

Decides what is shown before an edition is loaded: what the file holds, which part of the county
changes its class, which open incidents and teams it touches, and what looks like a mistake. What a
file must look like is decided by ``geo.geojson`` and ``dispatch.store.administration``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.editions import Edition, EditionKind
from crisis.errors import CrisisError
from crisis.standards import local_day
from crisis.team import Team
from dispatch.beside import BESIDE, Work
from dispatch.store import administration
from dispatch.store.administration import ZoneLine
from geo.counties import OFF_COAST_M, county_class, county_zones
from geo.point import Point
from geo.zone import AreaClass, AreaMap, AreaMethod, Classification, Zone, classify
from web.admin.drawing import Drawing, draw, kind_of, square_miles
from web.admin.language import Words
from web.admin.pages import Desk, Fault, Pages, Trouble, done, status_of

#: What its form sends.
_SENT = ("edition", "effective_from", "geojson", "shown")
#: The county is judged at so many places along each side of its box.
_SAMPLES = 32
#: A zone's outline is looked up at so many of its corners.
_CORNERS = 24


class ZonePages:
    """Their routes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = pages.writer.page

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        return [self._pages.route("/zones", self.zones, fields=_SENT, is_long=True)]

    async def zones(self, desk: Desk) -> Response:
        """Show the edition in force; of a file that was sent what it would change; load it."""
        if desk.form is None:
            return await self._list(desk)
        desk.require_admin()
        edition, text = desk.form.text("edition"), desk.form.raw("geojson").strip()
        since = desk.form.text("effective_from")
        known = await administration.list_zones(desk.node.database, desk.county_id)
        try:
            if not text:
                raise Fault("zones_file")
            zones = await BESIDE.run(
                lambda work: administration.check_zones(
                    edition, text.encode(), known, lambda: work.at(work.done + 1)
                ),
                desk.work,
            )
            day = date_of(since) if since else administration.day_of_edition(edition)
        except (CrisisError, ValueError) as error:
            return await self._list(desk, edition, error)
        shown = await BESIDE.run(lambda work: _digest(edition, text, known, day), desk.work)
        if desk.form.text("shown") != shown:
            return await self._check(desk, edition, text, zones, known, shown, day)
        await administration.add_zones(
            desk.node.database,
            desk.county_id,
            edition,
            text.encode(),
            effective_from=day,
            by=desk.principal.account_id,
            work=desk.work,
        )
        await desk.county.read_rules()
        return done(desk, "zones", "zones")

    async def _list(
        self, desk: Desk, name: str | None = None, trouble: Trouble | None = None
    ) -> Response:
        today = local_day(desk.now, desk.zone)
        edition, zones = await administration.read_zones(desk.node.database, desk.county_id, today)
        known = await administration.list_zones(desk.node.database, desk.county_id)
        counts = Counter(one.version for one in known)
        others = [one for one in await editions_of(desk) if one.version != edition]
        outline = _outline(desk)

        def written(work: Work) -> Response:
            work.at(0)
            return self._page(
                desk,
                "zones.html",
                200 if trouble is None else status_of(trouble),
                trouble=trouble,
                county_class=_default(desk).area_class.value,
                edition=edition,
                drawing=draw(outline, zones),
                rows=_rows(desk.words, zones, work),
                others=[
                    {
                        "version": one.version,
                        "from": one.effective_from.isoformat(),
                        "count": counts[one.version],
                        "is_ahead": one.effective_from > today,
                    }
                    for one in sorted(others, key=lambda one: one.effective_from, reverse=True)
                ],
                name=today.isoformat() if name is None else name,
            )

        # Outlines are megabytes.
        return await BESIDE.run(written, desk.work)

    async def _check(
        self,
        desk: Desk,
        edition: str,
        text: str,
        zones: Sequence[Zone],
        known: Sequence[ZoneLine],
        shown: str,
        day: date,
    ) -> Response:
        words = desk.words
        # What it takes over from: the one that would hold without it.
        then = max(day, local_day(desk.now, desk.zone))
        _, before = await administration.read_zones(desk.node.database, desk.county_id, then)
        later = [one for one in await editions_of(desk) if one.effective_from > day]
        following = min(later, key=lambda one: one.effective_from, default=None)
        outline, default = _outline(desk), _default(desk)
        cells = [
            one.place.cell
            for one in desk.county.board.incidents.values()
            if one.is_open and one.place.cell is not None
        ]
        teams = list(desk.county.board.teams.values())

        def written(work: Work) -> Response:
            seen = _compare(outline, default, before, zones, edition, work)
            moved = _moved(cells, default, before, zones, work)
            old = {zone.name: zone for zone in before}
            gone = sorted(set(old) - {zone.name for zone in zones})
            rows = [
                {
                    **row,
                    "parts": len(zone.polygons),
                    "against": _against(words, zone, old.get(zone.name)),
                    "is_outside": zone.name in seen.outside,
                }
                for row, zone in zip(_rows(words, zones, work), zones, strict=True)
            ]
            return self._page(
                desk,
                "zones_check.html",
                edition=edition,
                geojson=text,
                shown=shown,
                effective_from=day.isoformat(),
                drawing=seen.drawing,
                counts=Counter(kind_of(zone) for zone in zones),
                warnings=_warnings(desk, day, following, zones, seen, teams),
                shares=[
                    {
                        "name": words.code("area_class", kind.value),
                        "before": _percent(words, seen.before[kind]),
                        "after": _percent(words, seen.after[kind]),
                    }
                    for kind in AreaClass
                ],
                effects=[
                    words("zones.area_changes", share=_percent(words, seen.changed)),
                    words("zones.incidents", n=moved),
                    words("zones.gone", names=", ".join(gone))
                    if gone
                    else words("zones.none_gone"),
                    words("zones.holds", day=day.isoformat()),
                ],
                rows=rows,
            )

        return await BESIDE.run(written, desk.work)


class _Seen(NamedTuple):
    """What a new edition does to a county; shares of its area, 0 to 1.

    Attributes:
        changed: the share whose class becomes another one.
        overlap: the share that urban and rural zones both claim.
        outside: the zones that lie off the county, by name.
    """

    drawing: Drawing
    before: Mapping[AreaClass, float]
    after: Mapping[AreaClass, float]
    changed: float
    overlap: float
    outside: frozenset[str]


def _compare(
    county: Zone,
    default: Classification,
    before: Sequence[Zone],
    after: Sequence[Zone],
    edition: str,
    work: Work,
) -> _Seen:
    """Judge a new edition at places all over the county; takes a while for fine outlines."""
    was, will = _map_of("now", before), _map_of(edition, after)
    pairs = []
    overlap = 0
    for number, point in enumerate(_places(county)):
        work.at(number, _SAMPLES * _SAMPLES)
        pairs.append(
            (classify(point, default, was).area_class, classify(point, default, will).area_class)
        )
        overlap += len({zone.area_class for zone in will.zones if zone.holds(point)}) > 1
    total = max(1, len(pairs))
    outside = {zone.name for zone in after if _lies_outside(zone, county)}
    return _Seen(
        drawing=draw(county, after),
        before={kind: sum(a is kind for a, _ in pairs) / total for kind in AreaClass},
        after={kind: sum(b is kind for _, b in pairs) / total for kind in AreaClass},
        changed=sum(a is not b for a, b in pairs) / total,
        overlap=overlap / total,
        outside=frozenset(outside),
    )


def _places(county: Zone) -> Iterator[Point]:
    box = county.box
    high, wide = box.north_deg - box.south_deg, box.east_deg - box.west_deg
    for row in range(_SAMPLES):
        for column in range(_SAMPLES):
            point = Point(
                lat_deg=box.south_deg + (row + 0.5) / _SAMPLES * high,
                lon_deg=box.west_deg + (column + 0.5) / _SAMPLES * wide,
            )
            if county.holds(point):
                yield point


def _lies_outside(zone: Zone, county: Zone) -> bool:
    """Whether most of a zone's corners are off the county, its coast's waters included."""
    corners = [corner for part in zone.polygons for corner in part.outer]
    some = corners[:: max(1, len(corners) // _CORNERS)]
    off = sum(county.distance_m(Point(lat_deg=lat, lon_deg=lon)) > OFF_COAST_M for lon, lat in some)
    return off > len(some) / 2


def _map_of(edition: str, zones: Sequence[Zone]) -> AreaMap:
    return AreaMap(version=edition, zones=tuple(one for one in zones if one.area_class))


def _moved(
    cells: Sequence[Point],
    default: Classification,
    before: Sequence[Zone],
    after: Sequence[Zone],
    work: Work,
) -> int:
    """Return how many places change their class."""
    was, will, moved = _map_of("now", before), _map_of("", after), 0
    for cell in cells:
        work.at(work.done)
        classes = (classify(cell, default, one).area_class for one in (was, will))
        moved += len(set(classes)) > 1
    return moved


def _outline(desk: Desk) -> Zone:
    return county_zones()[f"{desk.county_id:05d}"]


def _default(desk: Desk) -> Classification:
    fips, today = f"{desk.county_id:05d}", local_day(desk.now, desk.zone)
    try:
        return county_class(fips, today)
    except LookupError:
        # As the service decides it where it knows no class: the stricter standard.
        return Classification(
            area_class=AreaClass.URBAN, method=AreaMethod.COUNTY_CLASS, version="unclassed"
        )


async def editions_of(desk: Desk) -> list[Edition]:
    """Return the county's editions of zones."""
    known = await administration.list_editions(desk.node.database, desk.county_id)
    return [one for one in known if one.kind is EditionKind.ZONES]


def date_of(text: str) -> date:
    """Return a day of a form.

    Raises:
        Fault: ``day``.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Fault("day") from None


def _warnings(
    desk: Desk,
    day: date,
    following: Edition | None,
    zones: Sequence[Zone],
    seen: _Seen,
    teams: Sequence[Team],
) -> list[str]:
    words, found = desk.words, []
    today = local_day(desk.now, desk.zone)
    if day > today:
        found.append(words("zones.not_yet", day=day.isoformat()))
    if following is not None and following.effective_from <= today:
        found.append(words("zones.not_last", version=following.version))
    elif following is not None:
        until = following.effective_from.isoformat()
        found.append(words("zones.until", version=following.version, day=until))
    if not any(zone.area_class for zone in zones):
        found.append(words("zones.no_class"))
    if seen.outside:
        found.append(words("zones.outside_warning", n=len(seen.outside), county=desk.county_name))
    if seen.overlap:
        found.append(words("zones.overlap", share=_percent(words, seen.overlap)))
    names = {name for zone in zones for name in (zone.name, zone.zone_id)}
    lost = [team.call_sign for team in teams if not team.retired and set(team.zones) - names]
    if lost:
        found.append(words("zones.teams_lost", n=len(lost), teams=", ".join(sorted(lost))))
    return found


def _rows(words: Words, zones: Sequence[Zone], work: Work) -> list[dict[str, Any]]:
    found = []
    for zone in zones:
        work.at(work.done)
        found.append(_row(words, zone))
    return found


def _row(words: Words, zone: Zone) -> dict[str, Any]:
    miles = square_miles(zone)
    return {
        "name": zone.name,
        "class": words(f"zones.key_{kind_of(zone)}"),
        "area": words("unit.sq_mi", n=round(miles) if miles >= 10 else round(miles, 2)),
    }


def _against(words: Words, zone: Zone, before: Zone | None) -> str:
    if before is None:
        return words("zones.is_new")
    if before.area_class != zone.area_class:
        return words("zones.class_was", was=words(f"zones.key_{kind_of(before)}"))
    if before.polygons != zone.polygons:
        return words("zones.outline_differs")
    return words("the_same")


def _percent(words: Words, share: float) -> str:
    if 0 < share < 0.01:
        return words("zones.below_one")
    # As of responses: 100 is all of it.
    return words("unit.percent", n=99 if 0.99 < share < 1 else math.floor(share * 100 + 0.5))


def _digest(edition: str, text: str, known: Sequence[ZoneLine], day: date) -> str:
    """Return what tells this file, in a county as it stands, from any other."""
    whole = msgspec.json.encode([edition, text, known, day])
    return blake2b(whole, digest_size=16).hexdigest()
