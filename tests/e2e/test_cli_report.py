"""The report on the command line: the period and the instant that the API would take."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from crisis.clock import FakeClock, MachineClock
from dispatch.store.pool import Database
from tests.db.service_kit import running
from tests.e2e.cli_kit import Cli


async def test_a_county_whose_time_runs_ahead_is_judged_by_its_own_time(
    cli: Cli, dsn: str, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    # Simulated, and its county lives faster than the machine; in any other the log would be wrong.
    await admin.execute("UPDATE dispatch.database_mark SET simulated = true")
    ahead = FakeClock(MachineClock().now() + timedelta(days=200))
    async with running(database, ahead) as desk:
        await desk.determined()
        ahead.advance(timedelta(hours=5))
        await desk.opened()
    report = await _report(cli, dsn, "--since", f"{ahead.now().date() - timedelta(days=20)}")
    assert datetime.fromisoformat(report["as_of"]) == ahead.now()
    assert report["until"] > report["as_of"]
    [whole] = [
        line for line in report["lines"] if (line["month"], line["area_class"]) == ("all", "all")
    ]
    assert {fate: len(refs) for fate, refs in whole["by_determination"].items()} == {
        "still_waiting": 1
    }


async def test_an_end_alone_counts_its_months_back_from_there(
    cli: Cli, dsn: str, database: Database
) -> None:
    async with running(database, MachineClock()):
        report = await _report(cli, dsn, "--until", "2025-08-10")
    assert report["since"].startswith("2025-06-01")
    assert {line["month"] for line in report["lines"]} == {"2025-06", "2025-07", "2025-08", "all"}


async def _report(cli: Cli, dsn: str, *days: str) -> dict[str, Any]:
    asked = ("report", "response-times", "--county", "Alameda", "--format", "json", *days)
    done = await asyncio.to_thread(cli, *asked, DATABASE_URL=dsn)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
