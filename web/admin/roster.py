"""Teams, people and shifts: lists and forms, whose acts are the same commands as the API's.

Decides what a form means. Whether it is allowed, and by whom, is decided by the commands. Names of
people and numbers of licences are kept encrypted and never shown here: a person is known by the
code that the county gave them, which is opened for those who staff, and by their account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute

from crisis.commands import CancelShift, PlanShift, RecordResponder, RecordTeam
from crisis.eligibility import judge_crew
from crisis.errors import CrisisError, NotFound
from crisis.ids import AgencyId, ResponderId, ShiftId, TeamId
from crisis.responder import Credential, PresenceMode, Responder, why_uncounted
from crisis.standards import local_day
from crisis.team import CrewMember, Shift, Team
from dispatch.beside import BESIDE, Work
from dispatch.run.imports.roster import Roster, responder_command, responder_id_of, team_command
from dispatch.run.imports.rows import Mind, split, yes_or_no
from dispatch.run.imports.shifts import instant_of
from web.admin.forms import Form
from web.admin.imports import mind_in
from web.admin.language import Words
from web.admin.pages import Desk, Fault, Pages, choice, done, id_of, status_of

#: How many people a form offers room for.
_CREW_ROWS = 5
_MODES = {mode.value: mode for mode in PresenceMode}
_NEW = "new"
#: The field that holds the mark of the entry which a form was made of.
_SEEN = "seen"


class RosterPages:
    """Their routes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = pages.writer.page

    def routes(self) -> list[BaseRoute]:
        """Return them."""
        route = self._pages.route
        return [
            route("/teams", self.teams),
            route("/teams/{id}", self.team, fields=(*_team_row(None), _SEEN)),
            route("/people", self.people),
            route("/people/{id}", self.person, fields=(*_PERSON_FIELDS, _SEEN)),
            route("/shifts", self.shifts),
            route("/shifts/{id}", self.shift, fields=(*_SHIFT_FIELDS, _SEEN)),
            route("/shifts/{id}/cancel", self.cancel),
        ]

    # Teams

    async def teams(self, desk: Desk) -> Response:
        """List teams."""
        agencies = await _agency_names(desk)
        teams = [t for t in desk.county.board.teams.values() if desk.may_see(t.agency_id)]
        rows = [
            {
                "team": team,
                "agency": agencies.get(team.agency_id, "-"),
                "until": desk.when(team.shift_ends_at),
                "now": "busy_run" if team.run else "busy_offer" if team.offer else "",
            }
            for team in sorted(teams, key=lambda t: t.call_sign)
        ]
        return self._page(desk, "teams.html", rows=rows)

    async def team(self, desk: Desk) -> Response:
        """Show a team's form, or record what was sent."""
        known = self._known_team(desk)
        if desk.form is None:
            return await self._team_form(desk, known, _team_row(known))
        row = {**desk.form.row(), "capabilities": "; ".join(desk.form.all("capabilities"))}
        try:
            command = await self._team_command(desk, known, row)
            await desk.submit(msgspec.structs.replace(command, seen=_seen(desk.form)))
        except (CrisisError, ValueError) as error:
            return await self._team_form(desk, known, row, error)
        return done(desk, "team", "teams")

    def _known_team(self, desk: Desk) -> Team | None:
        text = desk.request.path_params["id"]
        if text == _NEW:
            return None
        found = desk.county.board.teams.get(TeamId(id_of(text)))
        if found is None or not desk.may_see(found.agency_id):
            raise NotFound("unknown_team", "There is no such team in this county.")
        return found

    async def _team_command(
        self, desk: Desk, known: Team | None, row: Mapping[str, str]
    ) -> RecordTeam:
        fields = ("agency", "base", "zones", "capabilities", "retired")
        given = {**dict.fromkeys(fields, ""), **row}
        if not given.get("call_sign"):
            raise Fault("call_sign")
        command, namesake = team_command(await _roster(desk), given)
        if known is None and namesake is not None:
            raise Fault("team_exists", call_sign=namesake.call_sign)
        # Without an id it is named after the command, the same each time it is sent.
        return msgspec.structs.replace(command, team_id=known.id if known else None)

    async def _team_form(
        self,
        desk: Desk,
        known: Team | None,
        row: Mapping[str, str],
        trouble: CrisisError | ValueError | None = None,
    ) -> Response:
        codes = desk.county.rules(desk.now).codes
        return self._page(
            desk,
            "team.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            team=known,
            seen=known.mark if known else "",
            # A box that isn't ticked isn't sent.
            row={**_team_row(None), **row},
            agencies=await desk.agency_choices(),
            capabilities=[
                (one.code, desk.words.code("team_capability", one.code, one.label))
                for one in codes["team_capability"]
            ],
            chosen=split(row["capabilities"]),
        )

    # People

    async def people(self, desk: Desk) -> Response:
        """List people with what they are trained and licensed for."""
        agencies, called = await _agency_names(desk), await _called(desk)

        def written(work: Work) -> Response:
            return self._page(desk, "people.html", rows=self._people(desk, agencies, called, work))

        # A county's people may be many.
        return await BESIDE.run(written)

    def _people(
        self,
        desk: Desk,
        agencies: Mapping[AgencyId, str],
        called: Mapping[UUID, str],
        work: Work,
    ) -> list[dict[str, Any]]:
        """Return the people as the list shows them."""
        rows = []
        for number, one in enumerate(list(desk.county.board.responders.values())):
            work.at(number)
            if desk.may_see(one.agency_id):
                rows.append(
                    {
                        "person": one,
                        "name": _person_text(one, called, desk),
                        "agency": agencies.get(one.agency_id, "-"),
                        "uncounted": self._uncounted(desk, one),
                    }
                )
        rows.sort(key=lambda row: (str(row["agency"]), str(row["name"])))
        return rows

    def _uncounted(self, desk: Desk, one: Responder) -> list[str]:
        rules = desk.county.rules(desk.now)
        on = local_day(desk.now, desk.zone)
        reasons = why_uncounted(one, on, rules.codes, rules.standards)
        return [desk.words.code("uncounted", why.value) for why in reasons]

    async def person(self, desk: Desk) -> Response:
        """Show a person's form, or record what was sent."""
        known = self._known_person(desk)
        if desk.form is None:
            return await self._person_form(desk, known, _person_row(known))
        row = {**desk.form.row(), "competencies": "; ".join(desk.form.all("competencies"))}
        try:
            command = await self._person_command(desk, known, row)
            await desk.submit(msgspec.structs.replace(command, seen=_seen(desk.form)))
        except (CrisisError, ValueError) as error:
            return await self._person_form(desk, known, row, error)
        return done(desk, "person", "people")

    def _known_person(self, desk: Desk) -> Responder | None:
        text = desk.request.path_params["id"]
        if text == _NEW:
            return None
        found = desk.county.board.responders.get(ResponderId(id_of(text)))
        if found is None or not desk.may_see(found.agency_id):
            raise NotFound("unknown_responder", "There is no such person in this county's roster.")
        return found

    async def _person_command(
        self, desk: Desk, known: Responder | None, row: Mapping[str, str]
    ) -> RecordResponder:
        given = {**dict.fromkeys(_PERSON_FIELDS, ""), **row}
        if known is None and not given["code"]:
            raise Fault("person_code")
        if known is None and responder_id_of(desk.county_id, given["code"]) in (
            desk.county.board.responders
        ):
            raise Fault("person_exists", code=given["code"])
        if known is not None:
            given["code"] = str(known.id)
        command = responder_command(await _roster(desk), given)
        responder = command.responder
        licence = responder.licence
        if licence is None and yes_or_no(given["has_licence"], "licence"):
            licence = Credential()
        if known is not None:
            # What the form doesn't show stays as it is.
            if licence is not None and known.licence is not None:
                licence = msgspec.structs.replace(
                    licence, effective_from=known.licence.effective_from
                )
            responder = msgspec.structs.replace(
                responder, enhanced=known.enhanced, law_enforcement=known.law_enforcement
            )
        return msgspec.structs.replace(
            command, responder=msgspec.structs.replace(responder, licence=licence)
        )

    async def _person_form(
        self,
        desk: Desk,
        known: Responder | None,
        row: Mapping[str, str],
        trouble: CrisisError | ValueError | None = None,
    ) -> Response:
        codes = desk.county.rules(desk.now).codes
        return self._page(
            desk,
            "person.html",
            200 if trouble is None else status_of(trouble),
            trouble=trouble,
            person=known,
            seen=known.mark if known else "",
            name=_person_text(known, await _called(desk), desk) if known else "",
            uncounted=self._uncounted(desk, known) if known else [],
            row={**dict.fromkeys(_PERSON_FIELDS, ""), **row},
            agencies=await desk.agency_choices(),
            provider_types=[
                (one.code, desk.words.code("provider_type", one.code, one.label))
                for one in codes["provider_type"].codes
            ],
            competencies=[
                (one.code, desk.words.code("competency", one.code, one.label))
                for one in codes["competency"]
            ],
            chosen=split(row.get("competencies", "")),
        )

    # Shifts

    async def shifts(self, desk: Desk) -> Response:
        """List planned and running shifts."""
        board, called = desk.county.board, await _called(desk)
        rules, rows = desk.county.rules(desk.now), []
        for shift in sorted(board.shifts.values(), key=lambda s: s.starts_at):
            team = board.teams.get(shift.team_id)
            if team is None or not desk.may_see(team.agency_id) or not shift.is_open:
                continue
            rows.append(
                {
                    "shift": shift,
                    "team": team.call_sign,
                    "starts": desk.when(shift.starts_at),
                    "ends": desk.when(shift.ends_at),
                    "crew": ", ".join(
                        _person_text(board.responders.get(m.responder_id), called, desk)
                        for m in shift.crew
                    ),
                    "elsewhere": _double_booked(shift, board.shifts.values()),
                    "lacks": [
                        mind_in(desk, Mind(f"crew.{one.code.value}", one.sentence))
                        for one in judge_crew(
                            board,
                            rules,
                            msgspec.structs.replace(team, crew=shift.crew, telehealth=None),
                            shift.starts_at,
                        ).shortfalls
                    ]
                    if shift.crew
                    else [],
                }
            )
        return self._page(
            desk,
            "shifts.html",
            rows=rows,
            reasons=[
                (one.code, desk.words.code("shift_cancel_reason", one.code, one.label))
                for one in rules.codes["shift_cancel_reason"]
                if "by_service" not in one.flags
            ],
        )

    async def shift(self, desk: Desk) -> Response:
        """Show a planned shift's form, or plan what was sent."""
        known = self._known_shift(desk)
        if desk.form is None:
            return await self._shift_form(desk, known, _shift_form_of(known, desk))
        try:
            command = self._shift_command(desk, known, desk.form)
            await desk.submit(msgspec.structs.replace(command, seen=_seen(desk.form)))
        except (CrisisError, ValueError) as error:
            return await self._shift_form(desk, known, desk.form, error)
        return done(desk, "shift", "shifts")

    def _known_shift(self, desk: Desk) -> Shift | None:
        text = desk.request.path_params["id"]
        if text == _NEW:
            return None
        found = desk.county.board.shifts.get(ShiftId(id_of(text)))
        team = desk.county.board.teams.get(found.team_id) if found else None
        if found is None or team is None or not desk.may_see(team.agency_id):
            raise NotFound("unknown_shift", "There is no such shift in this county.")
        return found

    def _shift_command(self, desk: Desk, known: Shift | None, form: Form) -> PlanShift:
        teams = {str(team.id): team.id for team in desk.county.board.teams.values()}
        crew = []
        for at, text in enumerate(form.all("member")):
            if not text:
                continue
            mode = form.all("mode")[at] if at < len(form.all("mode")) else ""
            crew.append(
                CrewMember(
                    responder_id=ResponderId(id_of(text)),
                    mode=choice(mode, _MODES, "member_mode"),
                    carries_naloxone=str(at) in form.all("naloxone"),
                )
            )
        return PlanShift(
            shift_id=known.id if known else None,
            team_id=known.team_id if known else choice(form.text("team"), teams, "team"),
            starts_at=_instant(form.text("starts"), desk, "starts"),
            ends_at=_instant(form.text("ends"), desk, "ends"),
            crew=tuple(crew),
        )

    async def _shift_form(
        self,
        desk: Desk,
        known: Shift | None,
        form: Form,
        trouble: CrisisError | ValueError | None = None,
    ) -> Response:
        board, called = desk.county.board, await _called(desk)

        def written(work: Work) -> Response:
            people = []
            for number, one in enumerate(board.responders.values()):
                work.at(number)
                if desk.may_see(one.agency_id) or _is_on(known, one):
                    people.append((_person_text(one, called, desk), str(one.id)))
            return self._page(
                desk,
                "shift.html",
                200 if trouble is None else status_of(trouble),
                trouble=trouble,
                shift=known,
                seen=known.mark if known else "",
                form=form,
                rows=_member_rows(form),
                people=sorted(people),
                teams=sorted(teams, key=lambda t: t.call_sign),
                modes=list(_MODES),
                zone=f"{desk.now.astimezone(desk.zone):%Z}",
            )

        teams = [t for t in board.teams.values() if desk.may_see(t.agency_id) and not t.retired]
        # A county's people may be many.
        return await BESIDE.run(written)

    async def cancel(self, desk: Desk) -> Response:
        """Take a planned shift back."""
        known = self._known_shift(desk)
        if desk.form is None or known is None:
            raise NotFound("unknown_path", "There is no such page.")
        await desk.submit(CancelShift(shift_id=known.id, reason=desk.form.text("reason") or None))
        return done(desk, "cancelled", "shifts")


def _member_rows(form: Form) -> list[dict[str, Any]]:
    """Return the crew that a form holds, with room for more."""
    members, modes = form.all("member"), form.all("mode")
    return [
        {
            "member": members[at] if at < len(members) else "",
            "mode": modes[at] if at < len(modes) else "",
            "naloxone": str(at) in form.all("naloxone"),
        }
        for at in range(max(_CREW_ROWS, len(members)))
    ]


async def _roster(desk: Desk) -> Roster:
    return desk.roster(await desk.agencies())


async def _agency_names(desk: Desk) -> dict[AgencyId, str]:
    return {one.agency_id: one.name for one in await desk.agencies()}


async def _called(desk: Desk) -> dict[UUID, str]:
    """Return how people are called: by their account's label or their name, and by their code."""
    accounts = await desk.node.accounts.list_accounts(desk.county_id)
    names = await desk.names(with_names=True)

    def written(work: Work) -> dict[UUID, str]:
        labels: dict[UUID, str] = {}
        for account in accounts:
            for grant in account.grants:
                if grant.county_id == desk.county_id and grant.responder_id is not None:
                    labels[grant.responder_id] = account.label
        found = dict(labels)
        for number, (one, called) in enumerate(names.items()):
            work.at(number, len(names))
            parts = (labels.get(one) or called.name, called.code)
            found[one] = " \N{MIDDLE DOT} ".join(part for part in parts if part)
        return found

    return await BESIDE.run(written)


def _person_text(one: Responder | None, called: Mapping[UUID, str], desk: Desk) -> str:
    if one is None:
        return desk.words("people.left")
    label = desk.county.rules(desk.now).codes.find("provider_type", one.provider_type)
    kind = _kind_text(desk.words, one.provider_type, label.label if label else None)
    return f"{called.get(one.id) or f'#{one.id.hex[:6]}'} ({kind})"


def _kind_text(words: Words, code: str, label: str | None) -> str:
    return words.code("provider_type", code, label)


def _seen(form: Form) -> str | None:
    """Return the mark of the entry that the form was made of; ``None`` = of a new one."""
    return form.text(_SEEN) or None


def _team_row(team: Team | None) -> dict[str, str]:
    if team is None:
        names = ("call_sign", "agency", "base", "zones", "capabilities", "retired")
        return dict.fromkeys(names, "")
    # A metre is as near as anybody parks.
    base = f"{round(team.base.lat_deg, 5)} {round(team.base.lon_deg, 5)}" if team.base else ""
    return {
        "call_sign": team.call_sign,
        "agency": str(team.agency_id),
        "base": base,
        "zones": "; ".join(team.zones),
        "capabilities": "; ".join(team.capabilities),
        "retired": "yes" if team.retired else "",
    }


_PERSON_FIELDS = (
    "code",
    "agency",
    "provider_type",
    "name",
    "phone",
    "has_licence",
    "licence",
    "licence_until",
    "core_trained",
    "naloxone",
    "can_assess",
    "lpha",
    "may_write_5150",
    "languages",
    "competencies",
)


def _person_row(one: Responder | None) -> dict[str, str]:
    if one is None:
        return {}

    def yes(flag: object) -> str:
        return "yes" if flag else ""

    return {
        "agency": str(one.agency_id),
        "provider_type": one.provider_type,
        "has_licence": yes(one.licence is not None),
        "licence_until": str(one.licence_expires_on or ""),
        "core_trained": str(one.core_trained_on or ""),
        "naloxone": yes(one.naloxone_trained),
        "can_assess": yes(one.can_assess),
        "lpha": yes(one.is_lpha),
        "may_write_5150": yes(one.may_write_5150),
        "languages": "; ".join(sorted(one.languages)),
        "competencies": "; ".join(sorted(one.competencies)),
    }


_SHIFT_FIELDS = ("team", "starts", "ends", "member", "mode", "naloxone")


def _shift_form_of(shift: Shift | None, desk: Desk) -> Form:
    if shift is None:
        return Form({})
    return Form(
        {
            "team": [str(shift.team_id)],
            "starts": [_field_text(shift.starts_at, desk)],
            "ends": [_field_text(shift.ends_at, desk)],
            "member": [str(m.responder_id) for m in shift.crew],
            "mode": [m.mode.value for m in shift.crew],
            "naloxone": [str(at) for at, m in enumerate(shift.crew) if m.carries_naloxone],
        }
    )


def _field_text(instant: datetime, desk: Desk) -> str:
    return f"{instant.astimezone(desk.zone):%Y-%m-%dT%H:%M}"


def _instant(text: str, desk: Desk, name: str) -> datetime:
    if not text:
        raise Fault(f"give_{name}")
    return instant_of(text, desk.zone, name)


def _is_on(shift: Shift | None, one: Responder) -> bool:
    return shift is not None and any(m.responder_id == one.id for m in shift.crew)


def _double_booked(shift: Shift, shifts: Any) -> int:
    """Return how many of a shift's people are rostered on site elsewhere at the same time."""
    here = {m.responder_id for m in shift.crew if m.mode is PresenceMode.ONSITE}
    elsewhere = {
        m.responder_id
        for other in shifts
        if other.id != shift.id
        and other.is_open
        and other.starts_at < shift.ends_at
        and shift.starts_at < other.ends_at
        for m in other.crew
        if m.mode is PresenceMode.ONSITE
    }
    return len(here & elsewhere)
