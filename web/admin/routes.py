"""All routes of the administration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute, Route

from web.admin.county import CountyPages
from web.admin.imports import ImportPages
from web.admin.pages import Pages, Writer
from web.admin.policy import PolicyPages
from web.admin.roster import RosterPages
from web.admin.rules import RulePages
from web.admin.tokens import TokenPages
from web.admin.users import UserPages
from web.admin.zones import ZonePages
from web.api.routes import Parts
from web.http.pages import Assets


def admin_routes(
    node: Parts, refresh: Callable[[], Awaitable[None]], assets: Assets | None = None
) -> list[BaseRoute]:
    """Return them.

    Args:
        refresh: lets a change of an account count at once on this node.
        assets: the built files, for the pages' style and script.
    """
    pages = Pages(node, Writer(assets or Assets()))
    users = UserPages(pages, refresh)
    return [
        Route("/admin", pages.first),
        *CountyPages(pages).routes(),
        *RosterPages(pages).routes(),
        *users.routes(),
        *ZonePages(pages).routes(),
        *RulePages(pages).routes(),
        *PolicyPages(pages).routes(),
        *TokenPages(pages, refresh).routes(),
        *ImportPages(pages, users).routes(),
    ]
