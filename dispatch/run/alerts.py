"""What the service says to people outside the board, and by which ways.

Decides the fixed text of every alert; by construction none holds more than a template's words and
an incident's number. Ways out are adapters: a log file and e-mail here; screens are told by
``dispatch.run.outbox.AlertFeed``. Must not know when or why anybody is told.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from types import MappingProxyType
from typing import Any, Final, Protocol, TextIO

import aiosmtplib
import structlog

from crisis.errors import Unavailable
from crisis.ids import UserId
from crisis.refusal_codes import RefusalCode
from crisis.shapes import Value
from dispatch.run.config import Settings
from dispatch.run.secret import Secret
from dispatch.store.channels import Channels

#: What each template says after "Open the app: ".
TEMPLATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # callers
        "call_unanswered": "a call rings and nobody has answered",
        "call_on_hold": "a caller is on hold for long",
        "transfer_open": "a transfer of a caller is not done",
        # offers and runs
        "offer": "new assignment",
        "offer_amended": "the offered incident changed",
        "offer_withdrawn": "an offer was taken back",
        "offer_expired": "a team did not answer",
        "declined_for_safety": "a team declined for safety",
        "nobody_left_to_ask": "no team is left to ask",
        "nobody_offers": "an incident waits for somebody to ask a team",
        "team_can_be_asked": "a team can be asked now",
        "nobody_has_it": "an incident still waits without a team, and nobody has it in hand",
        "ask_partner_agencies": "ask a partner agency to respond",
        "ask_for_loan": "ask another county for a team",
        "run_cancelled": "your run was called off",
        "run_diverted": "you are sent elsewhere",
        "arrival_not_qualifying": "an arrival does not stop the clock",
        "report_disputed": "a report from the field needs review",
        "crew_reports_there": "a crew reports being there, though its run was over",
        "crew_there_unsettled": "nobody has settled whether a crew is there",
        "crew_goes_on": "a crew goes on to where it was called off from",
        "accepted_too_late": "a crew accepted an offer that was over when it arrived",
        "run_restored": "your run goes on",
        "claim_denied": "dispatch says that your run is over, call them if you are there",
        # incidents
        "incident_amended": "your incident changed",
        "close_proposed": "an incident can be closed",
        "merged": "your incident is part of another one now",
        "incident_reopened": "an incident that had ended goes on",
        "split": "incidents were separated",
        "ownership_offered": "an incident is handed to you",
        "ownership_accepted": "your handover was accepted",
        "ownership_taken_over": "an incident was taken over from you",
        # marks on incidents
        "life_threat": "a threat to life, ask emergency services",
        "unassigned": "an incident waits without a team",
        "unowned": "an incident has no owner",
        "deadline_warning": "a response deadline comes near",
        "deadline_moved": "a response deadline is another one now",
        "deadline_breached": "a response deadline has passed",
        "handoff_unacknowledged": "nobody has taken a hand-off",
        "handover_unanswered": "nobody has accepted your handover",
        "partner_unanswered": "a partner agency has not answered",
        "partner_not_arrived": "a partner agency that is coming has not arrived",
        "unscreened": "nobody has begun to screen an incident",
        "undecided": "an incident is screened for long and not decided",
        "not_departed": "a crew has accepted and not left",
        "nobody_came": "a crew is done with an incident and never arrived",
        "take_back_proposed": "a crew has still not left, take the run back",
        "amendment_unacknowledged": "a crew has not read a change",
        # crews
        "crew_short": "a crew is short",
        "hold_writer_missing": "a hold needs review",
        "crew_no_longer_valid": "a crew no longer meets the standard",
        # partners
        "handed_off": "an incident was handed off",
        "handoff_refused": "a hand-off was refused",
        "partner_coming": "a partner agency is coming",
        "partner_on_scene": "a partner agency is on scene",
        "partner_not_coming": "a partner agency is not coming",
        "partner_requested_by_team": "a team asks for a partner agency",
        # duress
        "duress_raised": "duress alarm",
        "duress_again": "duress alarm pressed again",
        "duress_supervisor": "duress alarm, nobody has acknowledged",
        "duress_on_call": "duress alarm, nobody has acknowledged",
        "duress_watchdog": "duress alarm, still nobody has acknowledged",
        "duress_help_sent": "help is on its way",
        "help_not_recorded": "a call for help is not recorded, call the crew",
        # obligations
        "obligation_moved": "something that you owe is due at another time",
        "obligation_yours": "something is now yours to see to",
        "callback_missed": "a callback is overdue",
        "waiting_contact_missed": "a contact with a waiting person is overdue",
        "check_in_missed": "a check-in is overdue",
        "check_in_answered": "a missed check-in was answered, the alarm is still open",
        "follow_up_missed": "a follow-up is overdue",
        "plan_notice_missed": "a plan notice is overdue",
        "note_missed": "a note is overdue",
        "mandated_report_missed": "a mandated report is overdue",
        # the service itself
        "nobody_reached_supervisor": "an alarm reached no supervisor, call one",
        "nobody_reached_on_call": "an alarm reached nobody on call, call one",
        "alert_not_sent": "alarms could not be sent, tell people by other ways",
        "overlooked": "the service has overlooked a deadline, see to it by hand",
        "clock_leapt": "a clock was wrong, check the times recorded last",
        "restored": "the database was restored, check what was entered last",
    }
)
#: For a template that only a newer program knows: people are told all the same.
UNKNOWN: Final = "something needs you"


class Alert(Value, frozen=True, kw_only=True):
    """Something a person must see.

    Attributes:
        key: the same for every attempt to send it: towards providers and screens.
        recipient: ``team:<id>``, ``user:<id>`` or ``role:<role>``.
        urgency: ``now`` (rings), ``soon`` or ``info``.
        incident_number: what people say aloud; ``None`` = about no incident.
        not_after: useless after this instant; ``None`` = always useful.
    """

    key: str
    county_id: int
    recipient: str
    template: str
    urgency: str
    incident_number: int | None = None
    created_at: datetime
    not_after: datetime | None = None

    @property
    def text(self) -> str:
        """The whole message."""
        number = "" if self.incident_number is None else f" (incident {self.incident_number})"
        return f"Open the app: {TEMPLATES.get(self.template, UNKNOWN)}{number}"


class NotDelivered(Unavailable):
    """An alert did not get out.

    Attributes:
        may_retry: whether a later attempt could succeed.
    """

    def __init__(self, code: RefusalCode, *, may_retry: bool) -> None:
        super().__init__(code, "The alert could not be delivered.", may_retry=may_retry)
        self.may_retry = may_retry


class Adapter(Protocol):
    """A way out. ``name`` is kept with each alert that has left by it."""

    @property
    def name(self) -> str:
        """A word, unique among the adapters in use."""
        ...

    async def send(self, alert: Alert) -> None:
        """Send it, or do nothing where nobody is to be reached this way.

        The same ``alert.key`` may come again after a crash.

        Raises:
            NotDelivered: it did not get out.
        """
        ...


#: The only keys that a line of the alert log may have.
LOGGED: Final = (
    "event",
    "at",
    "key",
    "county_id",
    "recipient",
    "template",
    "urgency",
    "incident_number",
)


def _only_allowed(_logger: object, _method: str, event: Any) -> Any:
    return {key: event[key] for key in LOGGED if key in event}


class LogAdapter:
    """Writes each alert as one line of JSON.

    Args:
        file: open for text; written and flushed line by line.
    """

    name = "log"

    def __init__(self, file: TextIO) -> None:
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[_only_allowed, structlog.processors.JSONRenderer()],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=False,
        )

    async def send(self, alert: Alert) -> None:
        """Write the line.

        Raises:
            NotDelivered: ``alert_log_failed``.
        """
        try:
            self._log.info(
                "alert",
                at=alert.created_at.isoformat(),
                key=alert.key,
                county_id=alert.county_id,
                recipient=alert.recipient,
                template=alert.template,
                urgency=alert.urgency,
                incident_number=alert.incident_number,
            )
        except OSError as error:
            raise NotDelivered("alert_log_failed", may_retry=True) from error


class MailBook(Protocol):
    """Whose e-mail addresses there are, and what is known of them."""

    async def addresses(self, county_id: int, recipient: str) -> Sequence[str]:
        """Return those of a county's recipient (``role:<role>`` and so on); may be empty."""
        ...

    async def failed(self, addresses: Sequence[str], error: str) -> None:
        """Note that nothing gets out to these."""
        ...

    async def worked(self, addresses: Sequence[str]) -> None:
        """Note that something got out to these."""
        ...


class MailAdapter:
    """Sends alerts as e-mail.

    Args:
        tls: ``starttls``, ``tls`` or ``none``.
        sender: an address.
        book: whom a recipient stands for.
        within_s: seconds for each step of the conversation with the server.
        trust: certificates to believe; ``None`` = the system's.
    """

    name = "mail"

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: str,
        sender: str,
        book: MailBook,
        user: str | None = None,
        password: Secret | None = None,
        within_s: float = 5.0,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._sender = sender
        self._domain = sender.rpartition("@")[2].strip("> ") or "localhost"
        self._book = book
        self._user = user
        self._password = password
        self._within_s = within_s
        self._trust = trust

    @classmethod
    def of(cls, settings: Settings, book: MailBook) -> MailAdapter | None:
        """Build it from the settings; ``None`` = no mail server is set."""
        if settings.smtp_host is None or settings.smtp_from is None:
            return None
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=settings.smtp_tls,
            sender=settings.smtp_from,
            book=book,
            user=settings.smtp_user,
            password=settings.smtp_password,
        )

    async def send(self, alert: Alert) -> None:
        """Send one message to everybody whom the recipient stands for.

        Raises:
            NotDelivered: ``mail_unreachable``, ``mail_refused`` or ``mail_recipients_refused``.
        """
        to = list(await self._book.addresses(alert.county_id, alert.recipient))
        if not to:
            return
        try:
            refused = await self._send(self._message(alert), to)
        except NotDelivered as error:
            if error.code == "mail_recipients_refused":
                await self._book.failed(to, error.code)
            raise
        # Where the server takes only some, the others would never learn that they hear nothing.
        if refused:
            await self._book.failed(refused, "mail_recipients_refused")
        await self._book.worked([one for one in to if one not in refused])

    async def send_test(self, address: str, code: str) -> None:
        """Send one person the code that tells whether mail reaches them.

        Raises:
            NotDelivered: as ``send``; then the address is noted as one that nothing reaches.
        """
        message = self._to_nobody_else()
        message["Subject"] = "Crisis dispatch: a test of your alarms"
        message["Message-ID"] = make_msgid(domain=self._domain)
        message.set_content(
            f"Alarms will reach you here. To say that this has arrived, enter the code: {code}\n"
        )
        try:
            await self._send(message, [address])
        except NotDelivered as error:
            await self._book.failed([address], error.code)
            raise

    async def _send(self, message: EmailMessage, to: list[str]) -> list[str]:
        """Send it, and return those whom the server did not take."""
        try:
            refused, _ = await aiosmtplib.send(
                message,
                sender=self._sender,
                recipients=to,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=None if self._password is None else self._password.reveal(),
                # Not asked of the resolver, which would block the event loop.
                local_hostname=self._domain,
                timeout=self._within_s,
                use_tls=self._tls == "tls",
                start_tls=self._tls == "starttls",
                tls_context=self._trust,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            is_lasting = all(refused.code >= 500 for refused in error.recipients)
            raise NotDelivered("mail_recipients_refused", may_retry=not is_lasting) from error
        except aiosmtplib.SMTPDataError as error:
            raise NotDelivered("mail_refused", may_retry=error.code < 500) from error
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPNotSupported) as error:
            # Often a mistake in the settings, which an operator can mend meanwhile.
            raise NotDelivered("mail_refused", may_retry=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotDelivered("mail_unreachable", may_retry=True) from error
        return list(refused)

    def _to_nobody_else(self) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        # Colleagues' addresses are nobody's business.
        message["To"] = "undisclosed-recipients:;"
        message["Auto-Submitted"] = "auto-generated"
        return message

    def _message(self, alert: Alert) -> EmailMessage:
        message = self._to_nobody_else()
        message["Subject"] = alert.text
        message["Date"] = format_datetime(alert.created_at)
        # The same for every attempt: mailboxes drop a repeat.
        message["Message-ID"] = f"<{alert.key.replace('/', '.')}@{self._domain}>"
        if alert.urgency == "now":
            message["Importance"] = "high"
        message.set_content(alert.text + "\n")
        return message


async def mail_problem(settings: Settings, within_s: float = 5.0) -> str | None:
    """Return why the mail server that is set takes no mail; ``None`` = it does. Sends nothing."""
    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_user,
        password=None if settings.smtp_password is None else settings.smtp_password.reveal(),
        local_hostname="localhost",
        timeout=within_s,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
    )
    try:
        async with client:
            return None
    except aiosmtplib.SMTPAuthenticationError:
        return "it refuses the user or the password"
    except aiosmtplib.SMTPNotSupported:
        return "it can't be spoken to as the settings say (CRISIS_SMTP_TLS)"
    except aiosmtplib.SMTPResponseException as error:
        return f"it refuses ({error.code})"
    except (aiosmtplib.SMTPException, OSError):
        return "it does not answer"


async def try_address(mailer: MailAdapter | None, channels: Channels, account_id: UserId) -> str:
    """Mail somebody a code at the address that they have, and return the address.

    Raises:
        NotFound: they have none.
        Unavailable: nothing can be mailed here, or this could not.
    """
    if mailer is None:
        raise Unavailable(
            "mail_not_set_up",
            "This service sends no e-mail: whoever runs it has named no mail server "
            "(CRISIS_SMTP_HOST).",
        )
    address, code = await channels.begin_test(account_id)
    await mailer.send_test(address, code)
    return address
