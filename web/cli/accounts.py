"""``crisis-dispatch user``: accounts, passwords, and what each may act as.

Must not know how passwords are kept.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crisis.clock import MachineClock
from dispatch.run.alerts import MailAdapter, try_address
from dispatch.run.imports.accounts import COLUMNS, ROLES, AccountsImport, agencies_of, grant_of
from dispatch.store import administration
from dispatch.store.channels import Channel, Channels
from dispatch.store.identity import Grant
from dispatch.store.passwords import new_password
from web.cli.context import opened
from web.cli.imports import ImportedFile, add_import
from web.cli.text import Exit, Usage, columns, password_from, say


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    group = commands.add_parser(
        "user", help="accounts, their passwords and roles", description="Accounts of people."
    )
    acts = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    new = acts.add_parser(
        "add",
        help="add a person's account",
        description=(
            "Add a person's account. The password is asked for, read from a file, or made and "
            "shown once; it never stands on the command line, where others could read it."
        ),
    )
    new.add_argument("username")
    new.add_argument("--label", help="how colleagues see it (default: the username)")
    _password_flags(new)
    _grant_flags(new, is_required=False)
    new.set_defaults(run=add_user)

    listed = acts.add_parser("list", help="list accounts", description="List all accounts.")
    listed.add_argument("--county", help="only those with a role in this county")
    listed.set_defaults(run=list_users)

    for name, run, doc in (
        ("disable", disable_user, "end all use of an account, its open screens within seconds"),
        ("enable", enable_user, "allow use of a disabled account again"),
    ):
        switch = acts.add_parser(name, help=doc, description=f"{doc.capitalize()}.")
        switch.add_argument("username")
        switch.set_defaults(run=run)

    password = acts.add_parser(
        "password",
        help="set a new password and end all sessions",
        description="Set a new password; all sessions of the account end.",
    )
    password.add_argument("username")
    _password_flags(password)
    password.set_defaults(run=set_password)

    mail = acts.add_parser(
        "mail",
        help="set where a person's alarms are mailed, and try it",
        description=(
            "Set where a person's alarms are mailed. A test mail holds a code; once that is "
            "entered, by the person on their own page or here, the address counts as tried."
        ),
    )
    mail.add_argument("username")
    mail.add_argument("address", nargs="?", help="e-mail address; left out: as it is")
    mail.add_argument("--none", action="store_true", help="mail this person nothing any more")
    mail.add_argument("--test", action="store_true", help="send a test mail with a code now")
    mail.add_argument("--code", metavar="CODE", help="the code that came with the test")
    mail.set_defaults(run=mail_user)

    grant = acts.add_parser(
        "grant",
        help="say what an account may act as in a county",
        description="Say what an account may act as in a county, in place of what it could before.",
    )
    grant.add_argument("username")
    _grant_flags(grant, is_required=True)
    grant.set_defaults(run=grant_user)

    revoke = acts.add_parser(
        "revoke",
        help="take everything an account may do in a county",
        description="Take everything an account may do in a county.",
    )
    revoke.add_argument("username")
    revoke.add_argument("--county", required=True, help="name or FIPS code")
    revoke.set_defaults(run=revoke_user)

    imported = add_import(acts, "accounts", COLUMNS, import_users)
    imported.add_argument(
        "--passwords-to",
        type=Path,
        metavar="FILE",
        help="write the new accounts' passwords there (readable by you alone), not to the screen",
    )


def _password_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="read the password from this file"
    )
    parser.add_argument(
        "--generate", action="store_true", help="make a password and show it once, without asking"
    )


def _grant_flags(parser: argparse.ArgumentParser, *, is_required: bool) -> None:
    parser.add_argument("--county", required=is_required, help="name or FIPS code")
    parser.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        default=[],
        required=is_required,
        metavar="ROLE",
        help=f"repeatable: {', '.join(ROLES)}",
    )
    parser.add_argument("--agency", help="the agency at which the roles end; default: all of them")
    parser.add_argument(
        "--responder", metavar="CODE", help="the person's code in the roster; with role responder"
    )


async def add_user(args: argparse.Namespace) -> Exit:
    """Add an account, with a grant where one is given."""
    if bool(args.county) != bool(args.role):
        raise Usage("Give --county and --role together, or neither.")
    async with opened(args) as here:
        grant = grant_of(
            await agencies_of(here.database),
            args.county,
            args.role,
            args.agency,
            args.responder,
        )
        password, is_new = password_from(args.password_file, generate=args.generate)
        account_id = await here.accounts.create_account(
            args.username, args.label or args.username, password=password
        )
        if grant is not None:
            await here.accounts.grant(account_id, grant)
    say(f"Added {args.username}.")
    if is_new:
        say(f"Password (shown once): {password}")
    return Exit.OK


async def list_users(args: argparse.Namespace) -> Exit:
    """List accounts."""
    county_id = administration.find_county(args.county)[0] if args.county else None
    async with opened(args) as here:
        accounts = await here.accounts.list_accounts(county_id)
        channels = Channels(here.database, MachineClock())
        reached = await channels.of(one.account_id for one in accounts)
    rows = [
        (
            one.username,
            one.label,
            one.kind,
            "; ".join(_grant_text(grant) for grant in one.grants) or "-",
            "disabled" if one.disabled_at else "in use",
            "; ".join(_channel_text(way) for way in reached.get(one.account_id, ())) or "-",
        )
        for one in accounts
    ]
    say(columns(("username", "label", "kind", "may act as", "state", "alarms go to"), rows))
    return Exit.OK


def _grant_text(grant: Grant) -> str:
    limited = " (one agency)" if grant.agency_id else ""
    return f"{grant.county_id}: {', '.join(sorted(grant.roles))}{limited}"


async def disable_user(args: argparse.Namespace) -> Exit:
    """Disable an account."""
    async with opened(args) as here:
        done = await here.accounts.disable(await here.accounts.account_named(args.username))
    say(f"{args.username} is disabled{'' if done else ' already'}.")
    return Exit.OK


async def enable_user(args: argparse.Namespace) -> Exit:
    """Enable an account."""
    async with opened(args) as here:
        done = await here.accounts.enable(await here.accounts.account_named(args.username))
    say(f"{args.username} is in use{'' if done else ' already'}.")
    return Exit.OK


async def set_password(args: argparse.Namespace) -> Exit:
    """Set a password."""
    async with opened(args) as here:
        account_id = await here.accounts.account_named(args.username)
        password, is_new = password_from(args.password_file, generate=args.generate)
        await here.accounts.set_password(account_id, password)
        await here.accounts.forget_failures(args.username)
    say(f"The password of {args.username} is set; its sessions have ended.")
    if is_new:
        say(f"Password (shown once): {password}")
    return Exit.OK


async def mail_user(args: argparse.Namespace) -> Exit:
    """Set, try or confirm where a person's alarms are mailed, and say how it stands."""
    if args.none and (args.address or args.test or args.code):
        raise Usage("--none goes with nothing else.")
    async with opened(args) as here:
        account_id = await here.accounts.account_named(args.username)
        channels = Channels(here.database, MachineClock())
        if args.none or args.address:
            await channels.set_address(account_id, args.address)
        if args.code:
            await channels.answer_test(account_id, args.code)
        if args.test:
            mailer = MailAdapter.of(here.settings, channels)
            address = await try_address(mailer, channels, account_id)
            say(f"A test is on its way to {address}; enter its code with --code.")
        known = (await channels.of([account_id])).get(account_id, ())
    say(f"{args.username}: {'; '.join(_channel_text(one) for one in known) or 'mailed nothing'}.")
    return Exit.OK


def _channel_text(channel: Channel) -> str:
    if channel.failed_at is not None:
        return f"{channel.address}, nothing gets there ({channel.error})"
    if channel.verified_at is not None:
        return f"{channel.address}, tried {channel.verified_at:%Y-%m-%d}"
    return f"{channel.address}, not tried yet"


async def grant_user(args: argparse.Namespace) -> Exit:
    """Grant roles in a county."""
    async with opened(args) as here:
        account_id = await here.accounts.account_named(args.username)
        grant = grant_of(
            await agencies_of(here.database),
            args.county,
            args.role,
            args.agency,
            args.responder,
        )
        if grant is None:
            raise Usage("Give --county and --role.")
        await here.accounts.grant(account_id, grant)
    say(f"{args.username} may now act in {args.county} as {', '.join(sorted(args.role))}.")
    return Exit.OK


async def revoke_user(args: argparse.Namespace) -> Exit:
    """Take a grant."""
    county_id, county = administration.find_county(args.county)
    async with opened(args) as here:
        account_id = await here.accounts.account_named(args.username)
        done = await here.accounts.revoke(account_id, county_id)
    say(f"{args.username} may do nothing in {county}{' any more' if done else ', as before'}.")
    return Exit.OK


async def import_users(args: argparse.Namespace) -> Exit:
    """Import accounts."""
    file = ImportedFile(args, COLUMNS)
    async with opened(args) as here:
        importer = AccountsImport(
            here.accounts,
            await here.accounts.list_accounts(),
            await agencies_of(here.database),
            new_password,
        )
        with _handing_out(importer.made, None if args.dry_run else args.passwords_to):
            # One by one: so that a failure leaves no account whose password nobody was told.
            return await file.carry_out(importer.plan, at_once=1)


@contextmanager
def _handing_out(made: Sequence[tuple[str, str]], file: Path | None) -> Iterator[None]:
    """Hand out what is in ``made`` at the end, also after a failure: it exists nowhere else."""
    if file is None:
        try:
            yield
        finally:
            if made:
                say("New passwords, shown once:")
                say(columns(("username", "password"), made))
        return
    # Opened before the first password is made, anew, for this user alone: nobody else may have
    # opened it before.
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", newline="") as out:
        try:
            yield
        finally:
            writer = csv.writer(out)
            writer.writerow(("username", "password"))
            writer.writerows(made)
            say(f"The passwords of {len(made)} new accounts are in {file}.")
