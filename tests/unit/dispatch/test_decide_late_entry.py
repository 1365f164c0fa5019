"""What is entered late is missed by nobody in the second in which it is entered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crisis import commands as c
from crisis.assignment import Status
from crisis.commands import Command, FlagIncident
from crisis.ids import AssignmentId, IncidentId
from crisis.triage import Acuity
from dispatch.due import TimerCommand, due
from tests.unit.dispatch.board_kit import DISPATCHER, OTHER_DISPATCHER, SUPERVISOR, on_team
from tests.unit.dispatch.night_kit import Night

#: How far back a desk may date what it enters, less than the county's bound; all that is waited for
#: and watched has a shorter patience than the longer of them.
LATE_S = (30, 600, 3_000, 14_000)
HELP: dict[str, Any] = {"kind": "ems", "reason": "medical"}
#: What is counted from when it was, whenever it is told: the regulatory clock, and that nobody
#: came to a person whom a crew is done with.
BY_THE_CLOCK = frozenset({"deadline_warning", "deadline_breached", "nobody_came"})

Step = Callable[["Late"], Any]


class Late(Night):
    """A county, with an incident of a while ago, in which everything is entered late."""

    def __init__(self) -> None:
        super().__init__()
        self.back_s = 0.0
        self.of: dict[str, Any] = {}

    def late(self, command: Command, **how: Any) -> dict[str, Any]:
        how.setdefault("by", DISPATCHER)
        at = self.now - timedelta(seconds=self.back_s)
        return self.do(command, occurred_at=at, **how).result

    def goes_wrong(self) -> list[str]:
        """What is overdue though nobody could have seen to it."""
        found = []
        for item in due(self.board, self.now, self.rules):
            if not isinstance(item, TimerCommand):
                continue  # that a team is sought at once is right
            command = item.envelope.command
            if isinstance(command, FlagIncident) and command.flag in BY_THE_CLOCK:
                continue
            found.append(repr(command))
        return found


def _opened(county: Late) -> IncidentId:
    """An incident that stands since long, and in which nothing is owed at the moment."""
    incident_id = county.opened()
    county.of["incident"] = incident_id
    return incident_id


def _determined(county: Late) -> IncidentId:
    incident_id = county.determined(by=DISPATCHER)
    county.of["incident"] = incident_id
    return incident_id


def _run(county: Late) -> AssignmentId:
    team = county.team()
    county.of["team"] = team
    return county.running(_determined(county), team)


def _asked(county: Late, **fields: Any) -> dict[str, Any]:
    incident_id = _opened(county)
    asked = c.RequestPartner(incident_id=incident_id, **{**HELP, **fields})
    done = county.do(asked).result
    return {"incident_id": incident_id, "partner_id": done["partner_id"]}


def _handed_off(county: Late) -> dict[str, Any]:
    asked = _asked(county, kind="psap_911", reason="life_threat", handoff=True)
    county.do(
        c.Determine(
            incident_id=asked["incident_id"], decision="no_dispatch", reason="life_threat_to_911"
        )
    )
    return asked


def opening(county: Late) -> Step:
    return lambda k: k.late(c.OpenIncident(place=c.PlaceInput(location_type="home")))


def screening(county: Late) -> Step:
    incident_id = _opened(county)
    return lambda k: k.late(c.StartScreening(incident_id=incident_id))


def determining(county: Late) -> Step:
    incident_id = _opened(county)
    return lambda k: k.late(
        c.Determine(incident_id=incident_id, decision="dispatch", acuity=Acuity.ROUTINE)
    )


def amending(county: Late) -> Step:
    run = _run(county)
    county.do(c.ReportStatus(assignment_id=run, status=Status.ON_SCENE, said_by="team"))
    return lambda k: k.late(
        c.AmendIncident(incident_id=k.of["incident"], add_concerns=("psychosis",))
    )


def adding_a_slot(county: Late) -> Step:
    incident_id = _determined(county)
    return lambda k: k.late(c.AddSlot(incident_id=incident_id))


def accepting(county: Late) -> Step:
    team, incident_id = county.team(), _determined(county)

    def accept(k: Late) -> None:
        offer_id = k.late(c.OfferTeam(incident_id=incident_id, team_id=team))["offer_id"]
        k.late(c.AcceptOffer(offer_id=offer_id, said_by="team"))

    return accept


def accepting_before_a_change(county: Late) -> Step:
    accept = accepting(county)
    county.pass_until(10)
    county.do(c.AmendIncident(incident_id=county.of["incident"], add_concerns=("psychosis",)))
    return accept


def leaving(county: Late) -> Step:
    run = _run(county)
    return lambda k: k.late(
        c.ReportStatus(
            assignment_id=run, status=Status.EN_ROUTE, briefed_by="dispatcher", said_by="team"
        )
    )


def arriving(county: Late) -> Step:
    run = _run(county)
    return lambda k: k.late(
        c.ReportStatus(assignment_id=run, status=Status.ON_SCENE, said_by="team")
    )


def handing_over_the_person(county: Late) -> Step:
    run = _run(county)
    return lambda k: k.late(
        c.ReportStatus(assignment_id=run, status=Status.HANDED_OFF, said_by="team")
    )


def correcting_the_acceptance(county: Late) -> Step:
    run = _run(county)

    def correct(k: Late) -> None:
        at = k.now - timedelta(seconds=k.back_s)
        k._refusal(
            c.CorrectMilestone(
                assignment_id=run, status=Status.ACCEPTED, instant=at, reason="wrong_time"
            ),
            by=SUPERVISOR,
        )

    return correct


def calling_off(county: Late) -> Step:
    run = _run(county)
    return lambda k: k.late(c.CancelAssignment(assignment_id=run, reason="team_vehicle"))


def diverting(county: Late) -> Step:
    run = _run(county)
    return lambda k: k.late(c.DivertAssignment(assignment_id=run, reason="duress"))


def handing_over(county: Late) -> Step:
    incident_id = _opened(county)
    assert OTHER_DISPATCHER.user_id is not None
    to = OTHER_DISPATCHER.user_id
    return lambda k: k.late(c.HandOver(incident_id=incident_id, to=to))


def leaving_the_desk(county: Late) -> Step:
    _opened(county)
    return lambda k: k.late(c.LeaveDesk())


def asking_a_partner(county: Late) -> Step:
    incident_id = _opened(county)
    return lambda k: k.late(c.RequestPartner(incident_id=incident_id, **HELP))


def handing_off(county: Late) -> Step:
    incident_id = _opened(county)
    return lambda k: k.late(
        c.RequestPartner(
            incident_id=incident_id, kind="psap_911", reason="life_threat", handoff=True
        )
    )


def a_partner_taking_it(county: Late) -> Step:
    about = _asked(county)
    return lambda k: k.late(c.AcknowledgePartner(agency="county", **about))


def a_partner_refusing_a_handoff(county: Late) -> Step:
    about = _handed_off(county)
    return lambda k: k.late(c.PartnerDeclined(reason="busy", **about))


def calling_it_off_and_on_again(county: Late) -> Step:
    incident_id = _opened(county)
    county.do(c.StartScreening(incident_id=incident_id))
    county.do(c.CancelIncident(incident_id=incident_id, reason="caller_cancelled"))
    return lambda k: k.late(c.ReopenIncident(incident_id=incident_id, reason="ended_in_error"))


def opening_again_what_nobody_screened(county: Late) -> Step:
    incident_id = _opened(county)
    county.do(c.CancelIncident(incident_id=incident_id, reason="caller_cancelled"))
    return lambda k: k.late(c.ReopenIncident(incident_id=incident_id, reason="ended_in_error"))


def splitting(county: Late) -> Step:
    one, other = _opened(county), county.opened()
    county.do(c.MergeIncident(incident_id=one, into=other))
    return lambda k: k.late(c.SplitIncident(incident_id=other, other=one))


def ringing(county: Late) -> Step:
    return lambda k: k.late(c.OfferCall())


def holding(county: Late) -> Step:
    call_id = county.call()
    return lambda k: k.late(c.HoldCall(call_id=call_id))


def transferring(county: Late) -> Step:
    call_id = county.call()
    return lambda k: k.late(c.TransferCall(call_id=call_id, to="line_988"))


def losing_a_call(county: Late) -> Step:
    call_id = county.call()
    return lambda k: k.late(c.LoseCall(call_id=call_id))


def giving_up(county: Late) -> Step:
    caller = c.Caller(callback="510-555-0101")
    call_id = county.do(c.OfferCall(caller=caller)).result["call_id"]
    return lambda k: k.late(c.AbandonCall(call_id=call_id))


def in_danger(county: Late) -> Step:
    team = county.team()
    return lambda k: k.late(c.RaiseDuress(team_id=team), by=on_team(team))


STEPS = (
    opening,
    screening,
    determining,
    amending,
    adding_a_slot,
    accepting,
    accepting_before_a_change,
    leaving,
    arriving,
    handing_over_the_person,
    correcting_the_acceptance,
    calling_off,
    diverting,
    handing_over,
    leaving_the_desk,
    asking_a_partner,
    handing_off,
    a_partner_taking_it,
    a_partner_refusing_a_handoff,
    calling_it_off_and_on_again,
    opening_again_what_nobody_screened,
    splitting,
    ringing,
    holding,
    transferring,
    losing_a_call,
    giving_up,
    in_danger,
)


@pytest.mark.parametrize("late_s", LATE_S)
@pytest.mark.parametrize("begin", STEPS, ids=lambda step: step.__name__)
def test_nothing_is_missed_in_the_second_in_which_it_is_entered(
    begin: Callable[[Late], Step], late_s: float
) -> None:
    county = Late()
    step = begin(county)
    county.now += timedelta(seconds=late_s)
    before = set(county.goes_wrong())
    county.back_s = late_s - 1
    step(county)
    assert [one for one in county.goes_wrong() if one not in before] == []
