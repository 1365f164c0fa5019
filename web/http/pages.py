"""The pages' shells, their files, and what makes a phone keep them.

Decides which page stands at which path, who may open it, and how long a browser may keep what. A
shell is a small HTML document without any script or data of its own; what it shows comes over the
API and the live socket, which judge every request for themselves. Must not know what a page shows.
"""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from crisis import rights
from crisis.errors import CrisisError, NotFound, NotSignedIn
from dispatch.store.identity import Principal
from web import messages
from web.http.auth import Auth

log = logging.getLogger(__name__)

STATIC = Path(__file__).parents[1] / "static"
_FOREVER = "public, max-age=31536000, immutable"
#: Kept only after asking whether it is still right.
_ASK = "private, no-cache"
_MEDIA: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Page(NamedTuple):
    """A page of the browser code.

    Attributes:
        name: its folder in ``web/ui/src``.
        title: shown until the page names itself, in English.
        is_open: also to nobody signed in.
        is_app: a phone may install it.
        has_calls: whoever opens it may need help when it can't: whom to call stands in its HTML.
    """

    name: str
    title: str
    is_open: bool = False
    is_app: bool = False
    has_calls: bool = False


#: Path → page. One that isn't built yet is no page.
PAGES: Mapping[str, Page] = {
    "/sign-in": Page("sign-in", "Sign in", is_open=True, has_calls=True),
    "/board": Page("board", "Board"),
    "/on-call": Page("on-call", "On call"),
    "/phone": Page("phone", "My shift", is_app=True, has_calls=True),
    "/follow-up": Page("follow-up", "Follow-up"),
    "/reports": Page("reports", "Reports"),
    "/wall": Page("wall", "Wall"),
    "/account": Page("account", "Account"),
}


class NotBuilt(Exception):
    """The pages' files aren't there; the message says what to do."""


class _File(NamedTuple):
    content: bytes
    gzip: bytes | None
    media: str


class Assets:
    """The built files, in memory; read again when another build has put new ones beside them."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._read_at: int | None = None
        self._manifest: dict[str, Any] = {}
        # Files of earlier builds stay: pages that are open may still ask for them.
        self._files: dict[str, _File] = {}

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The newest build's manifest.

        Raises:
            NotBuilt: nothing is built.
        """
        path = self._folder / "manifest.json"
        try:
            changed_at = path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._read(path)
                self._read_at = changed_at
        except OSError as error:
            if not self._manifest:
                raise NotBuilt(
                    "The pages are not built: web/static/manifest.json or a file that it names is "
                    "missing. Install the project (pip install .), or in a checkout run: "
                    "python -m web.ui.build"
                ) from error
        return self._manifest

    def _read(self, path: Path) -> None:
        manifest = json.loads(path.read_bytes())
        files = {name: self._load(name, known) for name, known in manifest["files"].items()}
        self._files = {**self._files, **files}
        self._manifest = manifest

    def _load(self, name: str, known: Mapping[str, Any]) -> _File:
        small = None
        if known["gzip"] is not None:
            small = (self._folder / f"{name}.gz").read_bytes()
        return _File((self._folder / name).read_bytes(), small, _MEDIA[Path(name).suffix])

    def file(self, name: str) -> _File | None:
        """Return a built file by its name; ``None`` = no build has it."""
        found = self._files.get(name)
        if found is None:
            _ = self.manifest
            found = self._files.get(name)
        return found


def shell(page: Page, manifest: Mapping[str, Any]) -> str:
    """Return a page's HTML: no script or style stands in it, so the policy can forbid them."""
    built = manifest["pages"][page.name]
    links = [f'<link rel="stylesheet" href="/static/{name}">' for name in built["css"]]
    links += [f'<link rel="modulepreload" href="/static/{name}">' for name in built["preload"]]
    icons = [f'<link rel="icon" href="/static/{name}">' for name in _icons(manifest, ".svg")]
    if page.is_app:
        icons.append('<link rel="manifest" href="/manifest.webmanifest">')
        icons += [
            f'<link rel="apple-touch-icon" href="/static/{name}">'
            for name in _icons(manifest, ".png")[:1]
        ]
    return _DOCUMENT.format(
        title=html.escape(page.title),
        links="\n".join([*icons, *links]),
        script=f"/static/{built['js']}",
        calls=_CALLS if page.has_calls else "",
        boot=_BOOT if page.has_calls else "",
    )


def _icons(manifest: Mapping[str, Any], suffix: str) -> list[str]:
    return [name for name in manifest["icons"] if name.endswith(suffix)]


_DOCUMENT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>{title} · Crisis dispatch</title>
{links}
<script type="module" src="{script}"></script>
</head>
<body>
{calls}<div id="app">{boot}</div>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
"""
#: The desk's number is put in by the page, where the county has told it; no number is ever made up.
_CALLS = """\
<nav class="whom-to-call" aria-label="Call">
<a data-call="desk" href="tel:" hidden></a>
<a data-call="911" href="tel:911">911</a>
<a data-call="988" href="tel:988">988</a>
</nav>
"""
#: Shown after some seconds, where no script has begun to draw: in each language, as none is known.
_BOOT = '<div class="boot">{}</div>'.format(
    "\n".join(
        f'<p lang="{one}">{messages.section(one, "language")["no_start",]}</p>'
        for one in messages.LANGUAGES
    )
)
_PLAIN = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Crisis dispatch</title></head>
<body>{before}<h1>{title}</h1><p>{text}</p><p><a href="/">To the start</a></p></body>
</html>
"""


class Pages:
    """Serves them.

    Args:
        auth: who asks.
        assets: the built files.
    """

    def __init__(self, auth: Auth, assets: Assets | None = None) -> None:
        self._auth = auth
        self._assets = assets or Assets()

    def routes(self) -> list[BaseRoute]:
        """Return the routes; logs at once if there is nothing to serve."""
        try:
            _ = self._assets.manifest
        except NotBuilt as error:
            log.warning(str(error), extra={"action": "pages_not_built"})
        return [
            Route("/", self.first),
            *(Route(path, self._serve(page)) for path, page in PAGES.items()),
            Route("/static/{name}", self.file),
            Route("/sw.js", self.worker),
            Route("/manifest.webmanifest", self.app),
            Route("/favicon.ico", self.icon),
        ]

    async def first(self, request: Request) -> Response:
        """``/``: to the page that the account works with."""
        principal = await self._principal(request)
        to = "/sign-in" if principal is None else first_page(principal)
        return RedirectResponse(to, 303, {"cache-control": _ASK})

    def _serve(self, page: Page) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            try:
                if not page.is_open and await self._principal(request) is None:
                    asked = request.url.path + (
                        f"?{request.url.query}" if request.url.query else ""
                    )
                    to = f"/sign-in?next={quote(asked, safe='/')}"
                    return RedirectResponse(to, 303, {"cache-control": _ASK})
                manifest = self._assets.manifest
            except NotBuilt as error:
                return _trouble(str(error), page)
            except CrisisError as error:
                return _trouble(error.detail, page)
            if page.name not in manifest["pages"]:
                raise _no_such()
            return Response(
                shell(page, manifest),
                headers={"cache-control": _ASK, "vary": "cookie"},
                media_type="text/html; charset=utf-8",
            )

        return serve

    async def _principal(self, request: Request) -> Principal | None:
        try:
            return await self._auth.authenticate(request.scope)
        except NotSignedIn:
            return None

    async def file(self, request: Request) -> Response:
        """``/static/<name>``: the name holds a hash of the content, so it never changes."""
        return self._file(request, request.path_params["name"], {"cache-control": _FOREVER})

    async def worker(self, request: Request) -> Response:
        """``/sw.js``: asked for anew each time, so that a phone never keeps an old one."""
        name = self._built()["worker"]
        return self._file(request, name, {"cache-control": "no-cache"})

    async def icon(self, request: Request) -> Response:
        """``/favicon.ico``: browsers ask for it by themselves wherever no page names an icon."""
        name = _icons(self._built(), ".svg")[0]
        return RedirectResponse(f"/static/{name}", 303, {"cache-control": "no-cache"})

    async def app(self, request: Request) -> Response:
        """``/manifest.webmanifest``: how a phone installs the phone page."""
        icons = [
            {"src": f"/static/{name}", "type": _MEDIA[Path(name).suffix], "sizes": _sizes(name)}
            for name in self._built()["icons"]
        ]
        told = {
            "name": "Crisis dispatch",
            "short_name": "Crisis",
            "id": "/phone",
            "start_url": "/phone",
            "scope": "/",
            "display": "standalone",
            "background_color": "#0d1318",
            "theme_color": "#0b5cad",
            "icons": icons,
        }
        return Response(
            json.dumps(told),
            headers={"cache-control": "no-cache"},
            media_type="application/manifest+json",
        )

    def _built(self) -> Mapping[str, Any]:
        try:
            return self._assets.manifest
        except NotBuilt:
            raise _no_such() from None

    def _file(self, request: Request, name: str, headers: Mapping[str, str]) -> Response:
        try:
            found = self._assets.file(name)
        except NotBuilt:
            found = None
        if found is None:
            raise _no_such()
        sent = {**headers, "vary": "accept-encoding"}
        content = found.content
        if found.gzip is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content = found.gzip
            sent["content-encoding"] = "gzip"
        return Response(content, headers=sent, media_type=found.media)


def first_page(principal: Principal) -> str:
    """Return the path of the page that an account works with."""
    roles = frozenset(role for grant in principal.grants.values() for role in grant.roles)
    return f"/{rights.first_page(roles)}"


def _sizes(name: str) -> str:
    for size in ("192", "512"):
        if f"-{size}-" in name:
            return f"{size}x{size}"
    return "any"


def _no_such() -> NotFound:
    return NotFound("unknown_path", "There is no such page.")


def _trouble(text: str, page: Page) -> Response:
    calls = _CALLS if page.has_calls else ""
    return plain_page(503, "Not available", text, {"retry-after": "5"}, calls)


def plain_page(
    status: int,
    title: str,
    text: str,
    headers: Mapping[str, str] | None = None,
    before: str = "",
) -> Response:
    """Return a page that needs no built file, for where none of ours can be shown.

    Args:
        before: HTML that stands before everything else.
    """
    return Response(
        _PLAIN.format(before=before, title=html.escape(title), text=html.escape(text)),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "text/html; charset=utf-8",
    )
