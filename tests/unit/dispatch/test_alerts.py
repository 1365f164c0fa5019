"""What alerts say, and that they can't say anything private."""

from __future__ import annotations

import ast
import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Literal

import msgspec
import pytest

import dispatch
from crisis.codes import code_sets
from crisis.obligation import ObligationKind
from dispatch.decide.callers import TOLD as CALLERS_TOLD
from dispatch.decide.duress import LADDER
from dispatch.decide.ladder import _AGAIN, _TOLD
from dispatch.run.alerts import (
    LOGGED,
    TEMPLATES,
    UNKNOWN,
    Alert,
    LogAdapter,
    MailAdapter,
    NotDelivered,
)
from dispatch.run.config import load
from dispatch.run.reached import OWN, RUNGS

ALERT = Alert(
    key="018f0000-0000-7000-8000-000000000001/2",
    county_id=6029,
    recipient="role:supervisor",
    template="nobody_left_to_ask",
    urgency="now",
    incident_number=1042,
    created_at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
)

#: Templates that are put together when they are sent, by how the code spells them.
COMPOSED: dict[str, set[str]] = {
    "f'{obligation.kind.value}_missed'": {f"{kind.value}_missed" for kind in ObligationKind},
    "f'ownership_{reason}'": {"ownership_accepted", "ownership_taken_over"},
    "f'duress_{to}'": {f"duress_{to}" for to, _ in LADDER},
}
#: Templates that stand in a table, by the function that sends them.
TABLES: dict[str, set[str]] = {
    "_tell_rung": {template for template, _ in (*_TOLD.values(), _AGAIN)} | {"nobody_offers"},
    "flag_call": {template for template, _ in CALLERS_TOLD.values()},
    "_tell_mark": {code.code for code in code_sets(date(2026, 3, 2))["incident_flag"]}
    | {"take_back_proposed"},
    "unreached": {"alert_not_sent", *(f"nobody_reached_{role}" for role in RUNGS.values())},
}


def _sources() -> Iterator[ast.Module]:
    root = Path(dispatch.__file__).parent
    for path in [*sorted((root / "decide").glob("*.py")), root / "due.py"]:
        yield ast.parse(path.read_text())


def _used_templates() -> set[str]:
    """Read from the code which templates it may send; fails on what it can't follow."""
    functions = [
        node for tree in _sources() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    # Which argument of which function is a template: notify's, then those handed on to it.
    positions = {"notify": 1}
    found: set[str] = set()
    seen: set[tuple[str, int]] = set()
    while True:
        before = (len(positions), len(seen))
        for function in functions:
            names = [argument.arg for argument in function.args.args]
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                called = getattr(call.func, "attr", getattr(call.func, "id", ""))
                if called not in positions or (called, id(call)) in seen:
                    continue
                seen.add((called, id(call)))
                template = call.args[positions[called]]
                spelt = ast.unparse(template)
                if isinstance(template, ast.Constant):
                    found.add(str(template.value))
                elif isinstance(template, ast.IfExp):
                    found |= {ast.literal_eval(template.body), ast.literal_eval(template.orelse)}
                elif spelt in COMPOSED:
                    found |= COMPOSED[spelt]
                elif spelt in names:
                    positions[function.name] = names.index(spelt)
                elif function.name in TABLES:
                    found |= TABLES[function.name]
                else:
                    pytest.fail(f"say in this test which templates {function.name} sends: {spelt}")
        if before == (len(positions), len(seen)):
            return found


def test_every_template_that_decisions_send_has_a_text() -> None:
    used = _used_templates()
    assert {"offer", "duress_watchdog", "run_diverted", "partner_coming"} <= used
    assert used - set(TEMPLATES) == set()


def test_an_alert_is_its_templates_words_and_a_number() -> None:
    assert ALERT.text == "Open the app: no team is left to ask (incident 1042)"
    unnumbered = msgspec.structs.replace(ALERT, incident_number=None)
    assert unnumbered.text == "Open the app: no team is left to ask"
    for words in TEMPLATES.values():
        assert words.replace(",", "").replace("-", "").replace(" ", "").isalpha()


def test_a_template_of_a_newer_program_still_reaches_people() -> None:
    alert = msgspec.structs.replace(ALERT, template="Jane Roe, 555-0100")
    assert alert.text == f"Open the app: {UNKNOWN} (incident 1042)"


async def test_the_log_adapter_writes_one_line_of_allowed_keys_only() -> None:
    file = io.StringIO()
    adapter = LogAdapter(file)
    await adapter.send(ALERT)
    adapter._log.info("alert", narrative="Jane Roe")
    first, second = (json.loads(line) for line in file.getvalue().splitlines())
    assert set(first) == set(LOGGED)
    assert (first["key"], first["template"]) == (ALERT.key, "nobody_left_to_ask")
    assert second == {"event": "alert"}


async def test_a_log_that_cannot_be_written_is_tried_again() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(NotDelivered) as caught:
        await LogAdapter(Full()).send(ALERT)
    assert caught.value.may_retry


class Book:
    """Whom a supervisor's alert reaches, and what was noted of each."""

    def __init__(self, to: Sequence[str] = ()) -> None:
        self.to = to
        self.noted: list[tuple[str, list[str]]] = []

    async def addresses(self, county_id: int, recipient: str) -> Sequence[str]:
        assert (county_id, recipient) == (6029, "role:supervisor")
        return self.to

    async def failed(self, addresses: Sequence[str], error: str) -> None:
        self.noted.append((error, list(addresses)))

    async def worked(self, addresses: Sequence[str]) -> None:
        self.noted.append(("worked", list(addresses)))


class MailServer:
    """Speaks just enough SMTP; keeps what it is given."""

    def __init__(self, replies: dict[str, str] | None = None) -> None:
        self.replies = replies or {}
        self.messages: list[tuple[str, list[str], bytes]] = []
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[MailServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, to = "", []
        writer.write(b"220 mail.test ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(":")[0].split(" ")[0].upper()
            reply = self.replies.get(verb, "250 OK")
            if verb == "MAIL":
                sender = line.split("<")[1].split(">")[0]
            elif verb == "RCPT":
                asked = line.split("<")[1].split(">")[0]
                reply = self.replies.get(f"RCPT {asked}", reply)
                if reply.startswith("250"):
                    to.append(asked)
            elif verb == "DATA" and "DATA" not in self.replies:
                writer.write(b"354 go on\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.messages.append((sender, to, body[:-3]))
                to = []
            elif verb == "QUIT":
                reply = "221 bye"
            writer.write(f"{reply}\r\n".encode())
            if verb == "QUIT":
                break
        writer.close()

    def book(self, *to: str) -> Book:
        self.known = Book(to)
        return self.known

    def adapter(self, *to: str, tls: Literal["none", "starttls"] = "none") -> MailAdapter:
        return MailAdapter(
            host="127.0.0.1",
            port=self.port,
            tls=tls,
            sender="dispatch@kern.test",
            book=self.book(*to),
        )


async def test_mail_goes_to_everybody_of_the_role_and_says_nothing_private() -> None:
    async with MailServer().running() as server:
        await server.adapter("one@kern.test", "two@kern.test").send(ALERT)
    ((sender, to, raw),) = server.messages
    assert (sender, to) == ("dispatch@kern.test", ["one@kern.test", "two@kern.test"])
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == ALERT.text
    assert message["To"] == "undisclosed-recipients:;"
    assert message["Message-ID"] == "<018f0000-0000-7000-8000-000000000001.2@kern.test>"
    assert message.get_content().strip() == ALERT.text
    assert b"one@kern.test" not in raw


async def test_nobody_to_reach_means_no_mail() -> None:
    async with MailServer().running() as server:
        await server.adapter().send(ALERT)
    assert server.messages == []


@pytest.mark.parametrize(
    ("verb", "reply", "code", "may_retry"),
    [
        ("RCPT", "550 no such user", "mail_recipients_refused", False),
        ("RCPT", "450 later", "mail_recipients_refused", True),
        ("DATA", "554 no", "mail_refused", False),
        ("DATA", "451 later", "mail_refused", True),
        ("MAIL", "530 sign in first", "mail_refused", True),
    ],
)
async def test_a_refusal_of_the_mail_server_says_whether_to_try_again(
    verb: str, reply: str, code: str, may_retry: bool
) -> None:
    async with MailServer({verb: reply}).running() as server:
        with pytest.raises(NotDelivered) as caught:
            await server.adapter("one@kern.test").send(ALERT)
    assert (caught.value.code, caught.value.may_retry) == (code, may_retry)


async def test_mail_is_never_sent_in_the_clear_where_tls_is_set() -> None:
    async with MailServer().running() as server:
        with pytest.raises(NotDelivered):
            await server.adapter("one@kern.test", tls="starttls").send(ALERT)
    assert server.messages == []


async def test_whom_the_mail_server_does_not_take_is_noted_and_the_others_are_told() -> None:
    async with MailServer({"RCPT two@kern.test": "550 no such user"}).running() as server:
        await server.adapter("one@kern.test", "two@kern.test").send(ALERT)
    assert server.known.noted == [
        ("mail_recipients_refused", ["two@kern.test"]),
        ("worked", ["one@kern.test"]),
    ]
    assert len(server.messages) == 1
    async with MailServer({"RCPT": "550 no such user"}).running() as server:
        with pytest.raises(NotDelivered):
            await server.adapter("one@kern.test").send(ALERT)
    assert server.known.noted == [("mail_recipients_refused", ["one@kern.test"])]


async def test_a_test_mail_holds_its_code_and_nothing_of_the_county() -> None:
    async with MailServer().running() as server:
        await server.adapter().send_test("one@kern.test", "012345")
    ((_, to, raw),) = server.messages
    message = message_from_bytes(raw, policy=policy.default)
    assert to == ["one@kern.test"] and "012345" in message.get_content()
    async with MailServer({"RCPT": "550 no such user"}).running() as server:
        with pytest.raises(NotDelivered):
            await server.adapter().send_test("one@kern.test", "012345")
    assert server.known.noted == [("mail_recipients_refused", ["one@kern.test"])]


def test_that_an_alarm_reached_nobody_is_never_said_of_that_word_itself() -> None:
    assert set(TEMPLATES) >= OWN


async def test_an_unreachable_mail_server_is_tried_again() -> None:
    async with MailServer().running() as server:
        adapter = server.adapter("one@kern.test")
    with pytest.raises(NotDelivered) as caught:
        await adapter.send(ALERT)
    assert (caught.value.code, caught.value.may_retry) == ("mail_unreachable", True)


def test_mail_is_set_up_only_where_a_server_is_named(tmp_path: Path) -> None:
    assert MailAdapter.of(load({}, working_dir=tmp_path), Book()) is None
    env = {"CRISIS_SMTP_HOST": "mail.test", "CRISIS_SMTP_FROM": "a@b.test"}
    assert MailAdapter.of(load(env, working_dir=tmp_path), Book()) is not None
