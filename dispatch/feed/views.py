"""Which view of a county's board a person follows, and how a client proves that it followed it.

A view is (county, role class, scope). Everybody of one view sees the same bytes, so that a change
is projected once however many look. Must not know sockets, sessions or what a view shows.
"""

from __future__ import annotations

from hashlib import blake2s
from uuid import UUID

import msgspec

from crisis.board import FOLD_VERSION
from crisis.errors import NotAllowed
from crisis.ids import CountyId
from crisis.rights import RoleClass, classes_of
from crisis.roles import Actor
from crisis.shapes import Value

#: Raised whenever what any view shows changes: clients then take a snapshot instead of resuming.
PROJECTION_VERSION = 3


class View(Value, frozen=True, kw_only=True):
    """One view of one county.

    ``scope``: the agency or team that it ends at; ``None`` = the class's whole county.
    """

    county_id: CountyId
    role_class: RoleClass
    scope: UUID | None = None


def view_of(actor: Actor, county_id: CountyId, wanted: RoleClass | None = None) -> View:
    """Return the view that ``actor`` follows in a county.

    Args:
        wanted: the class asked for; ``None`` = the widest one that the actor may follow.

    Raises:
        NotAllowed: ``view_not_yours``; ``no_team``, ``no_agency`` where the class needs one and
            the actor has none now.
    """
    open_to = classes_of(actor)
    if wanted is None:
        wanted = next((c for c in RoleClass if c in open_to), None)
    if wanted is None or wanted not in open_to:
        raise NotAllowed("view_not_yours", "Your roles don't open this view.")
    match wanted:
        case RoleClass.TEAM:
            if actor.team_id is None:
                raise NotAllowed("no_team", "You are on no team now.")
            return View(county_id=county_id, role_class=wanted, scope=actor.team_id)
        case RoleClass.AGENCY:
            if actor.agency_id is None:
                raise NotAllowed("no_agency", "You belong to no agency.")
            return View(county_id=county_id, role_class=wanted, scope=actor.agency_id)
        case _:
            return View(county_id=county_id, role_class=wanted)


def epoch_of(view: View, actor: Actor, log_id: str) -> str:
    """Return what must be equal for a client to resume: view, grants, projection and log.

    Every node gives the same answer. ``log_id`` names the database's log: after a restore from a
    backup the same seqs may mean other facts.
    """
    parts = (
        PROJECTION_VERSION,
        FOLD_VERSION,
        log_id,
        view.county_id,
        view.role_class,
        view.scope,
        sorted(actor.roles),
        actor.agency_id,
    )
    return blake2s(msgspec.json.encode(parts), digest_size=12).hexdigest()
