"""How long a feed takes for one group: 1,000 open incidents, 70 teams, desk and team views live.

    python -m tests.bench.livefeed

Prints the median and the slowest percentile in microseconds for groups of everyday commands, and
what building and sending a snapshot costs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from copy import copy

from crisis.assignment import Status
from crisis.commands import AcceptOffer, ReportStatus
from crisis.ids import AssignmentId, IncidentId, TeamId
from crisis.rights import RoleClass
from dispatch.feed import Feed
from dispatch.feed.rules import touched
from tests.unit.dispatch.board_kit import COUNTY, County, on_team
from tests.unit.dispatch.livefeed_kit import DESK, group_of, team_view

INCIDENTS = 1_000
TEAMS = 70
ROUNDS = 60


def microseconds(work: Callable[[], object]) -> float:
    """How long ``work`` took."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1000


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def main() -> None:
    """Measure."""
    county = County()
    teams = [county.team(f"Team {n}") for n in range(TEAMS)]
    incidents = [county.determined() for _ in range(INCIDENTS)]
    for name, warm in (
        ("desk + team", (RoleClass.DESK, RoleClass.TEAM)),
        ("all five classes", tuple(RoleClass)),
    ):
        measure(name, warm, county, teams, incidents)


def measure(
    name: str,
    warm: tuple[RoleClass, ...],
    county: County,
    teams: list[TeamId],
    incidents: list[IncidentId],
) -> None:
    """Measure one set of classes on a copy of the county."""
    county = copy(county)
    county.log = list(county.log)
    feed = Feed(warm=warm)
    built = microseconds(lambda: feed.start(county.board))
    say(f"{name}: building {built / 1000:.1f} ms")
    took: dict[str, list[float]] = {}

    def group(kind: str) -> None:
        at = feed.seq(COUNTY)
        done = group_of(feed.board(COUNTY), county.log[at:])
        took.setdefault(kind, []).append(microseconds(lambda: feed.on_group(done)))

    for n in range(ROUNDS):
        team, incident = teams[n], incidents[n]
        offer = county.offered(incident, team)
        group("offer")
        accepted = county.do(AcceptOffer(offer_id=offer), by=on_team(team)).result
        run = AssignmentId(accepted["assignment_id"])
        group("accept")
        for status in (Status.EN_ROUTE, Status.ON_SCENE):
            report = ReportStatus(assignment_id=run, status=status, briefed_by="dispatcher")
            county.do(report, by=on_team(team))
            group(status.value)
        county.determined()
        group("open and determine")
        county.call(f"call {n}")
        group("call answered")
    for kind, values in took.items():
        values.sort()
        worst = values[int(len(values) * 0.99)]
        say(f"  {kind:<20} p50 {statistics.median(values):7.0f} us   p99 {worst:7.0f} us")
    fresh = Feed(warm=warm)
    fresh.start(county.board)
    payload = fresh.catch_up(DESK, None)
    first = microseconds(lambda: feed.catch_up(DESK, None))
    again = microseconds(lambda: feed.catch_up(DESK, None))
    say(f"  desk snapshot {len(payload) // 1024} KiB: first {first:.0f} us, shared {again:.1f} us")
    phone = feed.catch_up(team_view(teams[0]), None)
    say(f"  team snapshot {len(phone)} bytes")
    resume = microseconds(lambda: feed.catch_up(DESK, feed.seq(COUNTY) - 20))
    say(f"  desk resume after 20 events {resume:.0f} us")
    before = feed.board(COUNTY)
    county.do(ReportStatus(assignment_id=run, status=Status.CONTACT), by=on_team(teams[ROUNDS - 1]))
    done = group_of(before, county.log[before.seq :])
    say(f"  of a group, what leans on what: {microseconds(lambda: touched(*done)):.0f} us")


if __name__ == "__main__":
    main()
