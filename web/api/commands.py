"""Every command at its path: the part of the API that changes something.

Decides only where each command stands. What it means is in ``crisis.commands``, whether it is
allowed in ``dispatch.decide``.
"""

from __future__ import annotations

from starlette.responses import Response

from crisis import commands as c
from web.api.help import hear
from web.api.intake import envelope
from web.api.routes import Asked, Operation, sends
from web.api.wire import answer, header


async def send_command(asked: Asked) -> Response:
    """Decode, submit and answer; the refusals of the domain pass through."""
    operation = asked.operation
    if operation.command is None:
        raise AssertionError(f"{operation.path} sends no command")
    actor = asked.actor
    command, beside = operation.command.read(await asked.body(), asked.path)
    env = envelope(
        county_id=asked.county_id,
        actor=actor,
        account=asked.principal.account_id,
        key=header(asked.scope, b"idempotency-key"),
        command=command,
        beside=beside,
        on_phone=asked.on_phone,
    )
    return answer(await asked.node.service.submit(env))


def _all(tag: str, *paths: tuple[str, type[c.Command]]) -> list[Operation]:
    return [sends(path, command, tag, send_command) for path, command in paths]


_INCIDENT = "/incidents/{incident_id}"
_PARTNER = "/incidents/{incident_id}/partner-responses/{partner_id}"

OPERATIONS: list[Operation] = [
    *_all(
        "calls",
        ("/calls", c.OfferCall),
        ("/calls/{call_id}/answer", c.AnswerCall),
        ("/calls/{call_id}/abandon", c.AbandonCall),
        ("/calls/{call_id}/hold", c.HoldCall),
        ("/calls/{call_id}/resume", c.ResumeCall),
        ("/calls/{call_id}/transfer", c.TransferCall),
        ("/calls/{call_id}/confirm-transfer", c.ConfirmTransfer),
        ("/calls/{call_id}/fail-transfer", c.FailTransfer),
        ("/calls/{call_id}/end", c.EndCall),
        ("/calls/{call_id}/lose", c.LoseCall),
        ("/calls/{call_id}/in-hand", c.TakeCallInHand),
    ),
    *_all(
        "incidents",
        ("/incidents", c.OpenIncident),
        (f"{_INCIDENT}/screening", c.StartScreening),
        (f"{_INCIDENT}/determination", c.Determine),
        (f"{_INCIDENT}/amend", c.AmendIncident),
        (f"{_INCIDENT}/slots", c.AddSlot),
        (f"{_INCIDENT}/slots/{{slot}}/drop", c.DropSlot),
        (f"{_INCIDENT}/cancel", c.CancelIncident),
        (f"{_INCIDENT}/close", c.CloseIncident),
        (f"{_INCIDENT}/reopen", c.ReopenIncident),
        (f"{_INCIDENT}/merge", c.MergeIncident),
        (f"{_INCIDENT}/split", c.SplitIncident),
        (f"{_INCIDENT}/notes", c.AddNote),
        (f"{_INCIDENT}/subjects", c.AddSubject),
        (f"{_INCIDENT}/calls", c.AttachCall),
        (f"{_INCIDENT}/owner", c.HandOver),
        (f"{_INCIDENT}/owner/accept", c.AcceptOwnership),
        (f"{_INCIDENT}/in-hand", c.TakeInHand),
        ("/desk/leave", c.LeaveDesk),
    ),
    *_all(
        "partners",
        (f"{_INCIDENT}/partner-responses", c.RequestPartner),
        (f"{_PARTNER}/briefed", c.BriefPartner),
        (f"{_PARTNER}/acknowledge", c.AcknowledgePartner),
        (f"{_PARTNER}/arrive", c.PartnerOnScene),
        (f"{_PARTNER}/leave", c.PartnerGone),
        (f"{_PARTNER}/decline", c.PartnerDeclined),
    ),
    *_all(
        "offers",
        (f"{_INCIDENT}/offers", c.OfferTeam),
        ("/offers/{offer_id}/accept", c.AcceptOffer),
        ("/offers/{offer_id}/decline", c.DeclineOffer),
        ("/offers/{offer_id}/withdraw", c.WithdrawOffer),
    ),
    *_all(
        "assignments",
        (f"{_INCIDENT}/assignments", c.EnterAssignment),
        ("/assignments/{assignment_id}/status", c.ReportStatus),
        ("/assignments/{assignment_id}/hazards", c.AcknowledgeHazards),
        ("/assignments/{assignment_id}/clear", c.ClearAssignment),
        ("/assignments/{assignment_id}/divert", c.DivertAssignment),
        ("/assignments/{assignment_id}/cancel", c.CancelAssignment),
        ("/assignments/{assignment_id}/claim", c.SettleClaim),
        ("/assignments/{assignment_id}/milestones", c.CorrectMilestone),
        ("/assignments/{assignment_id}/crew", c.SwapCrew),
        ("/encounters/{encounter_id}", c.RecordEncounter),
    ),
    *_all(
        "roster",
        ("/teams", c.RecordTeam),
        ("/teams/{team_id}/duty", c.SetDuty),
        ("/responders", c.RecordResponder),
        ("/shifts", c.PlanShift),
        ("/shifts/{shift_id}/start", c.StartShift),
        ("/shifts/{shift_id}/crew", c.ChangeCrew),
        ("/shifts/{shift_id}/end", c.EndShift),
        ("/shifts/{shift_id}/cancel", c.CancelShift),
    ),
    sends("/duress", c.RaiseDuress, "duress", hear),
    *_all(
        "duress",
        ("/duress/{duress_id}/acknowledge", c.AcknowledgeDuress),
        ("/duress/{duress_id}/help-sent", c.SendHelp),
        ("/duress/{duress_id}/resolve", c.ResolveDuress),
    ),
    *_all(
        "obligations",
        ("/obligations", c.CreateObligation),
        ("/obligations/{obligation_id}/attempts", c.RecordAttempt),
        ("/obligations/{obligation_id}/complete", c.CompleteObligation),
        ("/obligations/{obligation_id}/except", c.ExceptObligation),
        ("/obligations/{obligation_id}/reassign", c.ReassignObligation),
    ),
    # Two commands have a second path, for what has no id yet.
    sends("/encounters", c.RecordEncounter, "assignments", send_command, "NewEncounter"),
    sends("/teams/{team_id}/start-shift", c.StartShift, "roster", send_command, "StartTeamShift"),
]
