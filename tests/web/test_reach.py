"""Whoever a rung names hears of it: ways that were tried, and words where nobody could hear."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crisis.commands import AlarmUnreached
from crisis.errors import NotFound
from crisis.ids import CountyId, UserId
from crisis.roles import Role
from dispatch.run.alerts import Alert, NotDelivered
from dispatch.run.outbox import Outbox
from dispatch.run.reached import RUNGS, Reached
from dispatch.store.channels import MAIL
from dispatch.store.pool import Worker
from tests.web.kit import ALAMEDA, Client, Site

MAILED = "/session/channels/mail"


class Mailer:
    """Keeps what it is to send, and fails as told."""

    name = MAIL

    def __init__(self) -> None:
        self.tests: list[tuple[str, str]] = []
        self.sent: list[Alert] = []
        self.failure: NotDelivered | None = None

    async def send_test(self, address: str, code: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.tests.append((address, code))

    async def send(self, alert: Alert) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(alert)


@pytest.fixture
def mailer(site: Site) -> Mailer:
    made = Mailer()
    site.change(mailer=made)
    site.node.channels.kinds = (MAIL,)
    return made


def outbox(site: Site, mailer: Mailer) -> Outbox:
    node = site.node
    reached = Reached(node.channels, node.service.submit, site.clock)
    return Outbox(
        node.database, [mailer], "a", clock=site.clock, machine=site.clock, follows=reached
    )


async def drained(site: Site, mailer: Mailer) -> Outbox:
    """Send everything that waits, what is said because of it included."""
    made = outbox(site, mailer)
    while (await made.drain()).took_some:
        pass
    return made


async def tried(site: Site, mailer: Mailer, *roles: Role) -> Client:
    """Somebody whose address was tried."""
    person = await site.client(*roles)
    await person.post(MAILED, {"address": f"p{len(mailer.tests)}@kern.test"})
    await person.post(f"{MAILED}/test")
    answer = await person.post(f"{MAILED}/code", {"code": mailer.tests[-1][1]})
    assert answer.status_code == 200
    return person


async def channels(person: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await person.get("/session/channels")).json()["channels"]
    return found


async def test_an_address_counts_once_the_code_of_its_test_came_back(
    site: Site, mailer: Mailer
) -> None:
    person = await site.client(Role.ON_CALL)
    assert await channels(person) == []
    assert (await person.post(f"{MAILED}/test")).status_code == 404
    assert (await person.post(MAILED, {"address": "not an address"})).status_code == 422
    await person.post(MAILED, {"address": "me@kern.test"})
    await person.post(f"{MAILED}/test")
    ((address, code),) = mailer.tests
    assert address == "me@kern.test"
    wrong = "000000" if code != "000000" else "111111"
    refused = await person.post(f"{MAILED}/code", {"code": wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_code")
    (one,) = await channels(person)
    assert one.get("verified_at") is None and one["code_sent_at"] is not None
    await person.post(f"{MAILED}/code", {"code": f" {code[:3]} {code[3:]} "})
    (one,) = await channels(person)
    assert one["verified_at"] is not None and one.get("code_sent_at") is None
    # The same again keeps it, another address begins anew.
    await person.post(MAILED, {"address": "me@kern.test"})
    assert (await channels(person))[0]["verified_at"] is not None
    await person.post(MAILED, {"address": "other@kern.test"})
    assert (await channels(person))[0].get("verified_at") is None
    await person.post(MAILED, {"address": None})
    assert await channels(person) == []


async def test_a_code_is_void_after_a_day_and_after_a_few_wrong_answers(
    site: Site, mailer: Mailer
) -> None:
    person = await site.client(Role.ON_CALL)
    await person.post(MAILED, {"address": "me@kern.test"})
    await person.post(f"{MAILED}/test")
    code = mailer.tests[-1][1]
    for _ in range(5):
        await person.post(f"{MAILED}/code", {"code": "no"})
    assert (await person.post(f"{MAILED}/code", {"code": code})).status_code == 404
    await person.post(f"{MAILED}/test")
    me = UserId((await person.get("/session")).json()["account_id"])
    site.clock.advance(timedelta(hours=25))
    with pytest.raises(NotFound, match="No test waits"):
        await site.node.channels.answer_test(me, mailer.tests[-1][1])


async def test_without_a_mail_server_a_test_is_refused_and_says_why(site: Site) -> None:
    person = await site.client(Role.ON_CALL)
    await person.post(MAILED, {"address": "me@kern.test"})
    refused = await person.post(f"{MAILED}/test")
    assert (refused.status_code, refused.json()["code"]) == (503, "mail_not_set_up")
    assert (await person.get("/session/channels")).json()["kinds"] == []


async def test_who_is_reached_is_counted_by_ways_that_work_and_by_screens(
    site: Site, mailer: Mailer
) -> None:
    async def reach() -> tuple[int, int, int]:
        found = await site.node.channels.reach(CountyId(ALAMEDA), [Role.ON_CALL])
        return found[0].accounts, found[0].by_channel, found[0].at_a_screen

    assert await reach() == (0, 0, 0)
    await tried(site, mailer, Role.ON_CALL)
    await site.client(Role.DISPATCHER)
    assert await reach() == (1, 1, 1)
    site.clock.advance(timedelta(minutes=16))
    assert await reach() == (1, 1, 0)
    await site.node.channels.failed(["p0@kern.test"], "mail_refused")
    assert await reach() == (1, 0, 0)
    await site.node.channels.worked(["p0@kern.test"])
    assert await reach() == (1, 1, 0)
    site.node.channels.kinds = ()
    assert await reach() == (1, 0, 0), "an address by which nothing can be sent reaches nobody"


async def told(site: Site) -> list[tuple[str, str]]:
    rows = await site.node.database.call(
        Worker(), "SELECT recipient, template FROM outbox ORDER BY outbox_id"
    )
    return [(row["recipient"], row["template"]) for row in rows]


async def _rung(site: Site) -> None:
    """Let the ladder of an incident climb to on-call, people being away."""
    desk = await site.client(Role.DISPATCHER)
    await site.determined(desk)
    for _ in range(12):
        await site.node.service.tick()
        site.clock.advance(timedelta(minutes=5))


async def test_a_rung_that_reaches_nobody_is_told_to_the_others(site: Site, mailer: Mailer) -> None:
    await _rung(site)
    made = await drained(site, mailer)
    said = await told(site)
    assert ("role:on_call", "nobody_left_to_ask") in said
    for to in ("role:dispatcher", "role:supervisor", "role:admin"):
        assert (to, "nobody_reached_on_call") in said
    assert ("role:dispatcher", "nobody_reached_supervisor") in said
    assert not any("nobody_reached" in one and to == "role:on_call" for to, one in said)
    assert made.stats.sent == len(said)


async def test_a_rung_that_somebody_hears_is_told_to_nobody_else(
    site: Site, mailer: Mailer
) -> None:
    await tried(site, mailer, Role.ON_CALL)
    await tried(site, mailer, Role.SUPERVISOR)
    await _rung(site)
    await drained(site, mailer)
    assert not any("nobody_reached" in one for _, one in await told(site))
    assert {a.recipient for a in mailer.sent} >= {"role:on_call", "role:supervisor"}


async def test_mail_that_cannot_be_sent_is_told_after_some_tries_and_again_when_given_up(
    site: Site, mailer: Mailer
) -> None:
    await tried(site, mailer, Role.ON_CALL)
    await _rung(site)
    mailer.failure = NotDelivered("mail_unreachable", may_retry=True)
    made = outbox(site, mailer)
    for _ in range(3):
        assert not any(one == "alert_not_sent" for _, one in await told(site))
        await made.drain()
        site.clock.advance(timedelta(minutes=6))
    assert {to for to, one in await told(site) if one == "alert_not_sent"} == {
        "role:dispatcher",
        "role:supervisor",
        "role:admin",
    }
    for _ in range(12):
        await made.drain()
        site.clock.advance(timedelta(minutes=6))
    lost = await site.node.channels.undelivered(
        CountyId(ALAMEDA), site.clock.now() - timedelta(days=1)
    )
    assert lost.given_up > 0 and lost.error == "mail: mail_unreachable"


async def test_on_call_sees_what_waits_opens_it_and_takes_it_in_hand(site: Site) -> None:
    desk, on_call = await site.client(Role.DISPATCHER), await site.client(Role.ON_CALL)
    incident_id = await site.determined(desk)
    board = (await on_call.get("/board", view="desk")).json()
    assert incident_id in str(board)
    assert (await on_call.get(f"/incidents/{incident_id}")).status_code == 200
    assert (await on_call.get(f"/incidents/{incident_id}/records")).status_code == 200
    await on_call.do(f"/incidents/{incident_id}/in-hand")
    await on_call.do(f"/incidents/{incident_id}/notes", text="I call the team of Kern.")
    seen = (await desk.get(f"/incidents/{incident_id}")).json()
    assert seen["incident"]["in_hand_by"] in seen["labels"]
    assert await on_call.refused(f"/incidents/{incident_id}/cancel", 403, reason="duplicate")


async def test_on_call_answers_a_crews_alarm(site: Site) -> None:
    boss = await site.client(Role.SUPERVISOR, Role.ADMIN)
    team_id, _ = await site.team(boss)
    raised = await boss.do("/duress", team_id=str(team_id), by_voice=True)
    on_call = await site.client(Role.ON_CALL)
    path = f"/duress/{raised['duress_id']}"
    await on_call.do(f"{path}/acknowledge")
    await on_call.do(f"{path}/help-sent", who="law_enforcement", reference="77")
    await on_call.do(f"{path}/resolve", reason="safe")


def test_every_role_that_a_rung_rings_for_alone_is_looked_after() -> None:
    assert set(RUNGS) == {Role.SUPERVISOR, Role.ON_CALL}
    assert AlarmUnreached(role="on_call").role == "on_call"
