"""Logs kept as they were written, and what folding and showing them came to under each version.

    python -m tests.unit.dispatch.golden

adds a log for every kind of event that none holds yet, and the digests that are missing for the
present versions. It never touches a digest that is there: the same log under the same version must
come to the same, or a node that upgrades would show other things than it kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import blake2s
from pathlib import Path
from typing import Any

import msgspec

from crisis.assignment import Status
from crisis.board import FOLD_VERSION
from crisis.clock import generator
from crisis.commands import (
    AcknowledgeDuress,
    CancelAssignment,
    CancelIncident,
    LeaveDesk,
    MergeIncident,
    RaiseDuress,
    ReportStatus,
    ResolveDuress,
    SettleClaim,
)
from crisis.events import REGISTRY, Event, type_of
from crisis.history import History
from crisis.ids import CountyId
from crisis.incident.events import DeadlineMoved
from crisis.rights import RoleClass
from crisis.team import LoanGranted, LoanRefused, LoanRequested, LoanReturned
from dispatch.feed.views import PROJECTION_VERSION, View
from tests.unit.dispatch.board_kit import (
    AGENCY,
    COUNTY,
    SAFE_SCENE,
    SUPERVISOR,
    County,
    on_team,
)
from tests.unit.dispatch.busy_county import Busy
from tests.unit.dispatch.ladder_walk import Walk
from tests.unit.dispatch.livefeed_kit import shown_anew, team_view
from tests.unit.dispatch.test_decide_vocabulary import CASES, decided

DATA = Path(__file__).parents[2] / "data"
LOGS, DIGESTS = DATA / "golden_logs.jsonl", DATA / "golden_digests.json"
#: What of a program's memory of a county must not change unnoticed → its version.
VERSIONS = {"fold": FOLD_VERSION, "projection": PROJECTION_VERSION}
_BUSY, _DAYS = 250, 40
_NEIGHBOUR = CountyId(6013)


def kept() -> list[list[Event]]:
    """Return the logs, in the order in which they were added."""
    lines = LOGS.read_text().splitlines() if LOGS.exists() else []
    return [msgspec.json.decode(line, type=list[Event]) for line in lines]


def _digest(value: Any) -> str:
    plain = msgspec.to_builtins(value, str_keys=True, order="deterministic")
    return blake2s(msgspec.json.encode(plain), digest_size=12).hexdigest()


def _views(history: History) -> Iterator[View]:
    yield from (
        View(county_id=COUNTY, role_class=one)
        for one in (RoleClass.DESK, RoleClass.WALL, RoleClass.FOLLOW_UP)
    )
    yield View(county_id=COUNTY, role_class=RoleClass.AGENCY, scope=AGENCY)
    yield from (team_view(team_id) for team_id in sorted(history.board.teams))


def folded(log: Sequence[Event]) -> str:
    """Return what the fold makes of a log: all things, those that have left the board too."""
    history = History(COUNTY)
    for event in log:
        history.add(event)
    things = {f"{kind} {one}": change.entity for (kind, one), change in history.things.items()}
    return _digest([things, history.board])


def projected(log: Sequence[Event]) -> str:
    """Return what every view shows after each quarter of a log."""
    history, shown = History(COUNTY), []
    marks = {len(log) * part // 4 for part in (1, 2, 3, 4)}
    for number, event in enumerate(log, start=1):
        history.add(event)
        if number in marks:
            for view in _views(history):
                entities = shown_anew(history.board, view)
                shown.append([str(view), {f"{k} {one}": e for (k, one), e in entities.items()}])
    return _digest(shown)


def digests(logs: Sequence[Sequence[Event]]) -> dict[str, list[str]]:
    """Return the digests of the logs under the present versions: ``<what> <version>`` → each."""
    made = {"fold": folded, "projection": projected}
    return {
        f"{what} {version}": [made[what](log) for log in logs] for what, version in VERSIONS.items()
    }


def known() -> dict[str, list[str]]:
    """Return the digests that are kept, of all versions there were."""
    found: dict[str, list[str]] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    return found


def _by_hand() -> list[Event]:
    """Return what neither random days nor single commands come upon."""
    county = County()
    team, lent = county.team("Blue 1"), county.team("Blue 2")
    crew = on_team(team)
    loan: dict[str, Any] = {"team_id": lent, "loan_ref": "L1"}
    county.happen(
        LoanRequested(to_county=_NEIGHBOUR, **loan),
        LoanRefused(to_county=_NEIGHBOUR, reason="busy", **loan),
        LoanRequested(to_county=_NEIGHBOUR, **loan),
        LoanGranted(to_county=_NEIGHBOUR, **loan),
        LoanReturned(from_county=_NEIGHBOUR, **loan),
    )
    raised = county.do(RaiseDuress(team_id=team), by=crew).result["duress_id"]
    county.do(AcknowledgeDuress(duress_id=raised), by=SUPERVISOR)
    county.do(LeaveDesk(), by=SUPERVISOR)
    county.do(AcknowledgeDuress(duress_id=raised))
    county.do(ResolveDuress(duress_id=raised, reason="safe"))
    # A crew arrives where nobody was to go any more, and another one at what was merged meanwhile.
    for is_merged in (False, True):
        incident, into = (county.determined(screening=SAFE_SCENE) for _ in range(2))
        run = county.running(incident, team)
        county.wait(60)
        if is_merged:
            county.do(CancelAssignment(assignment_id=run, reason="unsafe_scene"))
            county.do(MergeIncident(incident_id=incident, into=into))
        else:
            county.do(CancelIncident(incident_id=incident, reason="caller_cancelled"))
        county.wait(60)
        county.do(ReportStatus(assignment_id=run, status=Status.ON_SCENE), by=crew)
        county.do(SettleClaim(assignment_id=run, there=is_merged))
    was = county.incident(into)
    assert was.due_at is not None and was.standard is not None
    county.happen(
        DeadlineMoved(
            incident_id=into,
            standard=was.standard,
            was=was.due_at,
            due_at=was.due_at + timedelta(hours=1),
            reason="place_changed",
        )
    )
    return county.log


def _fresh() -> Iterator[list[Event]]:
    busy = Busy(generator(7))
    while busy.board.seq < _BUSY:
        busy.step()
    yield list(busy.county.log)
    yield _by_hand()
    for one in CASES:
        decision = decided(one, one.command)
        if decision is not None:
            yield [*one.log, *decision.events]
    for seed in range(_DAYS):
        walk = Walk(seed)
        walk.run()
        yield walk.log


def main() -> None:
    """Write what is missing, and say which kinds of event no log holds."""
    logs = kept()
    held = {type_of(event.body) for log in logs for event in log}
    for log in _fresh() if held != REGISTRY.keys() else ():
        new = {type_of(event.body) for event in log} - held
        if new:
            firsts = {type_of(event.body): number for number, event in reversed([*enumerate(log)])}
            logs.append(log[: 1 + max(firsts[one] for one in new)])
            held |= new
    LOGS.write_text("".join(msgspec.json.encode(log).decode() + "\n" for log in logs))
    now, before = digests(logs), known()
    for name, made in now.items():
        before[name] = [*before.get(name, []), *made[len(before.get(name, [])) :]]
    DIGESTS.write_text(json.dumps(before, indent=1) + "\n")
    print("no log holds", sorted(REGISTRY.keys() - held))


if __name__ == "__main__":
    main()
