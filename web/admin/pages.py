"""The pages' common ground: who may open what, how one is written, how an act is done once.

Decides roles and the way from a form to an answer. A form carries the id of its act, so that one
sent twice, by an impatient hand or a bad line, is one act with one answer; where the act is a
command, that id is the command's. Forms are sent by the page's script with the header that
``web.http.security`` asks of every page, so that no other site can send them. Every word on a page
is a message in the person's language. Must not know what any form is about.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from crisis.clock import new_id
from crisis.commands import Command, Envelope
from crisis.editions import EditionKind, unverified
from crisis.errors import CrisisError, NotAllowed, NotFound, NotSignedIn
from crisis.ids import AgencyId, CountyId, ResponderId
from crisis.rights import Act, covers, may, require
from crisis.roles import Actor
from dispatch.beside import Work
from dispatch.run.imports.roster import Roster
from dispatch.run.imports.rows import Unusable
from dispatch.run.service import CountyRunner
from dispatch.sheets.times import Order
from dispatch.store import administration
from dispatch.store.administration import Agency
from dispatch.store.identity import Principal
from dispatch.store.names import Called, read_names
from web.admin.acts import Acts
from web.admin.forms import Form, read_form
from web.admin.jobs import answer_of
from web.admin.language import Words, locale_of, names, words_in
from web.api.intake import envelope
from web.api.routes import Parts
from web.http import problems
from web.http.auth import actor_for
from web.http.pages import Assets, NotBuilt

_HEADERS = {"cache-control": "no-store", "vary": "cookie, accept-language"}
#: What a person chose on this device; written by the pages' scripts.
_THEME_COOKIE = "crisis_theme"
THEMES = ("device", "light", "dark", "light_contrast", "dark_contrast")

_BESIDE: Mapping[str, Any] = {
    "occurred_at": None,
    "sent_at": None,
    "by_voice": False,
    "back_entry_reason": None,
}


@dataclass(frozen=True)
class Desk:
    """Somebody who administers a county, at this moment.

    Attributes:
        form: what was sent; ``None`` = nothing, it is a page that is opened.
        words: the words of their language.
        work: what is told how far a long act is, and stops it.
    """

    request: Request
    node: Parts
    words: Words
    principal: Principal
    county_id: CountyId
    county: CountyRunner
    actor: Actor
    county_name: str
    form: Form | None
    work: Work = field(default_factory=Work)

    @property
    def sent(self) -> Form:
        """The form; only asked for where one was sent."""
        if self.form is None:
            raise AssertionError("no form was sent")
        return self.form

    @cached_property
    def now(self) -> datetime:
        """The county's instant."""
        return self.county.now()

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return self.county.rules(self.now).policy.tz()

    @cached_property
    def unverified(self) -> int:
        """How many standards in force no published page states."""
        rules = self.county.rules(self.now)
        found = unverified(rules.standards, rules.codes)
        return sum(one.kind is EditionKind.STANDARDS for one in found)

    def when(self, instant: datetime | None) -> str:
        """Return an instant on the county's clock, with its zone; "" for none."""
        return "" if instant is None else f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator of the whole county."""
        return may(self.actor, Act.CONFIGURE)

    def require_admin(self) -> None:
        """Refuse everybody but an administrator of the whole county.

        Raises:
            NotAllowed: ``role``.
        """
        require(self.actor, Act.CONFIGURE)

    def may_see(self, agency_id: AgencyId) -> bool:
        """Whether an agency's teams and people are this person's business."""
        return covers(self.actor, agency_id)

    def path(self, *parts: object) -> str:
        """Return the path of a page of this county."""
        return "/".join(["/admin", str(int(self.county_id)), *(str(part) for part in parts)])

    async def agencies(self) -> list[Agency]:
        """Return the agencies that this person works with, by name."""
        known = await administration.list_agencies(self.node.database, self.county_id)
        return [one for one in known if self.may_see(one.agency_id)]

    async def names(self, *, with_names: bool = False) -> dict[ResponderId, Called]:
        """Return how the people are called whom this person staffs; noted in the audit.

        Args:
            with_names: names too, and not the codes alone.
        """
        mine = (one for one in self.county.board.responders.values() if self.may_see(one.agency_id))
        return await read_names(
            self.node.database,
            self.county.keys,
            mine,
            self.actor,
            now=self.now,
            with_names=with_names,
        )

    def roster(
        self,
        agencies: Sequence[Agency],
        order: Order = Order.MONTH_FIRST,
        names: Mapping[ResponderId, Called] | None = None,
    ) -> Roster:
        """Return the county's roster as it is, for rows and forms.

        Args:
            order: of days that are all numbers.
            names: how people are called, so that a file may say nothing new.
        """

        async def send(env: Envelope) -> dict[str, Any]:
            return (await self.county.submit(env)).result

        rules = self.county.rules(self.now)
        board = self.county.board
        return Roster(board, rules, self.now, agencies, self.actor, send, order=order, names=names)

    async def agency_choices(self) -> list[tuple[str, str]]:
        """Return the agencies as a choice on a form: id and name."""
        return [(str(one.agency_id), one.name) for one in await self.agencies()]

    async def submit(self, command: Command) -> dict[str, Any]:
        """Send a command under the form's id; returns its result.

        Raises:
            CrisisError: the refusal.
        """
        answer = await self.node.service.submit(
            envelope(
                county_id=self.county_id,
                actor=self.actor,
                account=self.principal.account_id,
                key=str(self.sent.act()),
                command=command,
                beside=_BESIDE,
                on_phone=False,
            )
        )
        return answer.result


class Fault(ValueError):
    """What a form lacks; a message of the catalogs says it.

    Args:
        key: below ``fault.``.
    """

    def __init__(self, key: str, /, **places: object) -> None:
        super().__init__(key)
        self.key = key
        self.places = places


#: Why a form was not done.
Trouble = CrisisError | ValueError
#: Answers a page that was opened, or a form that was sent.
Handler = Callable[[Desk], Awaitable[Response]]


class Writer:
    """Writes pages; everything in them is escaped."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("web.admin"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, desk: Desk, template: str, /, status: int = 200, **values: Any) -> Response:
        """Return a page of a county."""
        trouble = values.pop("trouble", None)
        return self._write(
            template,
            status,
            desk.request,
            desk=desk,
            trouble=None if trouble is None else told(trouble, desk.words),
            act=str(new_id()),
            **values,
        )

    def refusal(self, request: Request, error: CrisisError) -> Response:
        """Return a page that says why there is none."""
        trouble = told(error, words_in(locale_of(request)))
        return self._write(
            "refused.html", problems.status_of(error), request, desk=None, trouble=trouble, act=""
        )

    def _write(self, template: str, status: int, request: Request, **values: Any) -> Response:
        built, icons = {"css": [], "js": ""}, []
        try:
            manifest = self._assets.manifest
        except NotBuilt:
            # Readable without a style; forms can't be sent.
            pass
        else:
            built = manifest["pages"].get("admin", built)
            icons = [name for name in manifest["icons"] if name.endswith(".svg")]
        words = words_in(locale_of(request))
        chosen = request.cookies.get(_THEME_COOKIE, "")
        text = self._templates.get_template(template).render(
            built=built,
            icons=icons,
            t=words,
            locales=names(),
            theme=chosen if chosen in THEMES else THEMES[0],
            themes=THEMES,
            **values,
        )
        headers = {**_HEADERS, "content-language": words.locale}
        return Response(text, status, headers, "text/html; charset=utf-8")


def told(error: Trouble, words: Words) -> dict[str, Any]:
    """Return a refusal as a page shows it: a sentence, and every problem that it names."""
    if isinstance(error, Fault):
        return {"detail": words(f"fault.{error.key}", **error.places), "problems": []}
    if isinstance(error, Unusable):
        return {"detail": words.refusal(error.code, str(error), error.facts), "problems": []}
    if not isinstance(error, CrisisError):
        return {"detail": str(error), "problems": []}
    problems = error.facts.get("problems")
    listed = [str(one) for one in problems] if isinstance(problems, list | tuple) else []
    return {
        "detail": words.refusal(error.code, error.detail, {**error.facts, "n": len(listed)}),
        "problems": [problem_in(words, one) for one in listed],
        "is_stale": error.code == "stale_entry",
    }


_EXPECTED = re.compile(r"(?P<path>[\w.]+): Expected `(?P<kind>[^`]*)`(?P<rest>.*)")


def problem_in(words: Words, problem: str) -> str:
    """Return one problem of a policy in words; as it is where the catalogs don't know it."""
    key = f"problem.{problem}"
    if words.has(key):
        return words(key)
    found = _EXPECTED.fullmatch(problem)
    if found is None:
        return problem
    path, kind = found["path"], found["kind"]
    name = words.code("setting", path, path)
    shape = kind.partition(" ")[0]
    limit = kind[len(shape) :].strip() or found["rest"].strip(" ,")
    text = words("fault.setting", name=name, path=path, kind=words.code("shape", shape, shape))
    return f"{text} {limit}" if re.match(r"[<>=]", limit) else text


def status_of(error: Trouble) -> int:
    """Return the HTTP status of a refusal."""
    return problems.status_of(error) if isinstance(error, CrisisError) else 422


class Pages:
    """Makes routes out of handlers: signs in, finds the county, reads the form, says refusals."""

    def __init__(self, node: Parts, writer: Writer) -> None:
        self.node = node
        self.writer = writer
        self._acts = Acts()

    def route(
        self,
        path: str,
        handler: Handler,
        *,
        fields: Sequence[str] = (),
        is_long: bool = False,
    ) -> Route:
        """Return the route of a page and of the form on it.

        Args:
            fields: the names that the form may send; one that ends in a dot stands for all that
                begin so. Any other is refused: it would be passed over in silence.
            is_long: what the form does may take long; it stops when whoever sent it goes away.
        """

        async def serve(request: Request) -> Response:
            try:
                desk = await self._desk(request, fields, is_long=is_long)
                if desk.form is None:
                    return await handler(desk)
                if is_long:
                    job = self._acts.long(
                        desk.principal.account_id,
                        desk.sent,
                        lambda work: handler(replace(desk, work=work)),
                    )
                    return await answer_of(
                        job, lambda error: self.writer.refusal(request, error), _HEADERS
                    )
                return await self._acts.once(
                    desk.principal.account_id, desk.sent, lambda: handler(desk)
                )
            except NotSignedIn:
                if request.method == "GET":
                    to = f"/sign-in?next={quote(request.url.path, safe='/')}"
                    return RedirectResponse(to, 303, _HEADERS)
                return self.writer.refusal(
                    request, NotSignedIn("not_signed_in", "Sign in again first.")
                )
            except CrisisError as error:
                return self.writer.refusal(request, error)

        return Route(f"/admin/{{county:int}}{path}", serve, methods=["GET", "POST"])

    async def _desk(self, request: Request, fields: Sequence[str], *, is_long: bool) -> Desk:
        principal = await self.node.auth.authenticate(request.scope)
        if principal.purpose != "cookie":
            raise NotAllowed("page_only", "These pages are for browsers; programs use the API.")
        county_id = CountyId(request.path_params["county"])
        if county_id not in principal.grants:
            raise NotAllowed("not_your_county", "This account has no role in this county.")
        county = self.node.service.county(county_id)
        actor = actor_for(principal, county_id, county.board)
        require(actor, Act.ADMINISTER)
        _, name = administration.find_county(f"{county_id:05d}")
        form = await read_form(request, is_long=is_long) if request.method == "POST" else None
        if form is not None:
            form.require_only(fields)
        return Desk(
            request=request,
            node=self.node,
            words=words_in(locale_of(request)),
            principal=principal,
            county_id=county_id,
            county=county,
            actor=actor,
            county_name=name,
            form=form,
        )

    async def first(self, request: Request) -> Response:
        """``/admin``: to the county that the query names, else the first that one administers."""
        try:
            principal = await self.node.auth.authenticate(request.scope)
        except NotSignedIn:
            return RedirectResponse("/sign-in?next=/admin", 303, _HEADERS)
        except CrisisError as error:
            return self.writer.refusal(request, error)
        mine = [c for c, grant in principal.grants.items() if may(grant, Act.ADMINISTER)]
        named = request.query_params.get("county", "")
        county = next((c for c in mine if str(int(c)) == named), min(mine, default=None))
        if county is None:
            return self.writer.refusal(
                request, NotAllowed("role", "This account administers no county.")
            )
        return RedirectResponse(f"/admin/{int(county)}", 303, _HEADERS)


def done(desk: Desk, said: str, *parts: object) -> Response:
    """Return the answer to an act that was done: the page that shows it."""
    return RedirectResponse(f"{desk.path(*parts)}?said={said}", 303, _HEADERS)


def id_of(text: str) -> UUID:
    """Return the id in a path or form.

    Raises:
        NotFound: ``unknown_id``.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("unknown_id", "There is no such entry.") from None


def choice(text: str, allowed: Mapping[str, Any], what: str) -> Any:
    """Return what a choice on a form means.

    Args:
        what: the message below ``fault.`` that asks for it.

    Raises:
        Fault: it is none of ``allowed``.
    """
    if text not in allowed:
        raise Fault(what)
    return allowed[text]
