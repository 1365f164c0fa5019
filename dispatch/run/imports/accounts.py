"""Accounts and what each may act as, as rows of a file or the flags of a command mean them.

Decides how a row becomes an account with a grant. Must not know how passwords are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from crisis.errors import NotFound
from crisis.ids import AgencyId, CountyId, UserId
from crisis.roles import PEOPLE, Role
from dispatch.run.imports.roster import responder_id_of
from dispatch.run.imports.rows import Column, Difference, Row, Step, Unusable, split
from dispatch.store import administration
from dispatch.store.accounts import Accounts
from dispatch.store.administration import Agency
from dispatch.store.identity import Account, Grant, canonical_username
from dispatch.store.pool import Database

ROLES = sorted(role.value for role in PEOPLE)
COLUMNS = (
    Column("username", "to sign in with; an account of that name is changed", True, (), True),
    Column("label", "how colleagues see it; empty: the username", False, (), True),
    Column("county", "name or FIPS code", is_required=True),
    Column("roles", f"separated by semicolons: {', '.join(ROLES)}", True, ("role",)),
    Column("agency", "its name, where the roles end at that agency", False, (), True),
    Column(
        "responder",
        "code of the person in the roster; needed with the role responder",
        False,
        (),
        True,
    ),
)


async def agencies_of(
    database: Database, within: CountyId | None = None
) -> dict[CountyId, list[Agency]]:
    """Return the agencies of every county served, or of one of them."""
    ids = [one.county_id for one in await administration.list_counties(database)]
    return {
        county_id: await administration.list_agencies(database, county_id)
        for county_id in ids
        if within in (None, county_id)
    }


class AccountsImport:
    """Accounts out of rows.

    Args:
        known: every account that there is.
        agencies: of each county, by id.
        password: makes a new one each time.
        by: who does it; ``None`` = the command line.
        within: the only county whose grants may be given; ``None`` = any.

    Attributes:
        made: username and password of each account that was added; shown once.
    """

    def __init__(
        self,
        accounts: Accounts,
        known: Sequence[Account],
        agencies: Mapping[CountyId, Sequence[Agency]],
        password: Callable[[], str],
        *,
        by: UserId | None = None,
        within: CountyId | None = None,
    ) -> None:
        self._accounts = accounts
        self._known = {one.username: one for one in known}
        self._agencies = agencies
        self._password = password
        self._by = by
        self._within = within
        self._planned: set[str] = set()
        self.made: list[tuple[str, str]] = []

    def plan(self, row: Row) -> Step:
        """Say what a row of accounts means."""
        name = canonical_username(row["username"])
        roles = split(row["roles"])
        grant = grant_of(self._agencies, row["county"], roles, row["agency"], row["responder"])
        if grant is None:
            raise Unusable("row_county_and_roles", "county and roles are needed")
        if self._within not in (None, grant.county_id):
            raise Unusable(
                "row_another_county",
                f"{row['county']} is another county than the one you administer here",
                county=row["county"],
            )
        known = self._known.get(name)
        if known is None and name not in self._planned:
            self._planned.add(name)
            text = f"add {name} as {', '.join(roles)}"
            return Step(text, lambda: self._add(name, row, grant), name)
        if known is not None and grant in known.grants:
            return Step(name, subject=name)
        before = known.grants if known is not None else ()
        was = [role for one in before if one.county_id == grant.county_id for role in one.roles]
        return Step(
            f"let {name} act as {', '.join(roles)}",
            lambda: self._grant(name, grant),
            name,
            [Difference("roles", ", ".join(sorted(was)) or "none", ", ".join(sorted(grant.roles)))],
        )

    async def _add(self, name: str, row: Row, grant: Grant) -> None:
        password = self._password()
        account_id = await self._accounts.create_account(
            name, row["label"] or name, password=password, by=self._by
        )
        self.made.append((name, password))
        await self._accounts.grant(account_id, grant, by=self._by)

    async def _grant(self, name: str, grant: Grant) -> None:
        account_id: UserId = await self._accounts.account_named(name)
        await self._accounts.grant(account_id, grant, by=self._by)


def grant_of(
    agencies: Mapping[CountyId, Sequence[Agency]],
    county: str | None,
    roles: Sequence[str],
    agency: str | None,
    responder: str | None,
) -> Grant | None:
    """Return the grant that was described; ``None`` = none was.

    Raises:
        Invalid, NotFound: there is no such county or agency.
        ValueError: there is no such role.
    """
    if not county or not roles:
        return None
    county_id, _ = administration.find_county(county)
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        roles_known = ", ".join(ROLES)
        raise Unusable(
            "row_role",
            f"{', '.join(unknown)} is no role; one of: {roles_known}",
            value=", ".join(unknown),
            known=roles_known,
        )
    return Grant(
        county_id=county_id,
        roles=frozenset(Role(role) for role in roles),
        agency_id=find_agency(agencies.get(county_id, ()), agency) if agency else None,
        responder_id=responder_id_of(county_id, responder) if responder else None,
    )


def find_agency(known: Sequence[Agency], name: str) -> AgencyId:
    """Return the id of a county's agency by its name.

    Raises:
        NotFound: ``unknown_agency``, naming those that there are.
    """
    for one in known:
        if one.name.casefold() == name.strip().casefold() or str(one.agency_id) == name:
            return one.agency_id
    names = ", ".join(one.name for one in known) or "none yet; add it with: agency add"
    raise NotFound(
        "unknown_agency",
        f"There is no agency {name} in this county; there are: {names}",
        name=name,
        known=", ".join(one.name for one in known) or "-",
    )
