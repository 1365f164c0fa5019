"""One node with two counties, for the tests of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from crisis.clock import FakeClock
from dispatch.choose.seek import Seeker
from dispatch.feed import Feed
from dispatch.run.config import load
from dispatch.run.positions import FixBuffer
from dispatch.run.service import GroupDone, Service
from dispatch.run.tracking import TrackerBook
from dispatch.run.unwritten import Unwritten
from dispatch.store.accounts import Accounts
from dispatch.store.channels import Channels
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from dispatch.store.sessions import Sessions
from tests.web.kit import ALAMEDA, KERN, MASTER_KEY, Site, create_county
from web.api.routes import Parts
from web.app import build_app
from web.http.auth import Auth
from web.http.metrics import Metrics
from web.http.sessions import SessionRegistry


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def site(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Site]:
    """Two counties, Alameda and Kern, on one node."""
    await create_county(database, ALAMEDA, "Alameda")
    await create_county(database, KERN, "Kern")
    passwords = Passwords(hasher=PasswordHasher.from_parameters(CHEAPEST))
    accounts = Accounts(database, clock, passwords)
    sessions = Sessions(database, clock, passwords)
    async with AsyncExitStack() as stack:
        stack.callback(passwords.close)
        positions = FixBuffer(
            database,
            clock,
            limits=lambda county, at: service.county(county).rules(at).policy.fixes.plausibility,
            serving=lambda: (ALAMEDA, KERN),
        )
        seeker = Seeker(positions.latest)
        service = Service(database, clock, clock, MASTER_KEY, seeker)
        await stack.enter_async_context(service)
        feed = Feed()
        for county in service.counties:
            feed.start(county.board)

        def follow(done: GroupDone) -> None:
            feed.on_group(done)

        service.listeners.append(follow)
        background = asyncio.create_task(positions.run())
        stack.push_async_callback(_end, background)
        node = Parts(
            settings=load({"CRISIS_DATA_DIR": str(tmp_path)}, working_dir=tmp_path),
            database=database,
            service=service,
            accounts=accounts,
            auth=Auth(accounts, sessions, SessionRegistry(sessions, clock)),
            machine=clock,
            feed=feed,
            positions=positions,
            unwritten=Unwritten(service.submit, lambda _: None, clock),
            channels=Channels(database, clock),
            trackers=TrackerBook(database, clock),
            health=lambda: service.problems,
            metrics=Metrics(
                service,
                database,
                {"positions": lambda: positions.stats, "service": lambda: service.stats},
            ),
        )
        made = Site(node, build_app(node), clock)
        await stack.enter_async_context(made.http)
        yield made
