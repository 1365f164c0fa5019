"""How late the loop turns while a file of 60,000 people is gone through, against an idle loop.

The file is posted to the administration's page, in the process of the node, whose loop is asked
each few milliseconds how late it is. The floor is the same loop with nothing to do.
"""

from __future__ import annotations

import asyncio
import gc
import time
from base64 import b64encode
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import httpx

from crisis.clock import new_id
from crisis.ids import CountyId
from crisis.roles import Role
from dispatch.run.config import load
from dispatch.store import administration
from dispatch.store.identity import Grant
from dispatch.store.pool import Database
from tests.bench.place import fresh_database, fresh_folder
from tests.bench.rows import Row, at_most
from tests.db.service_kit import MASTER_KEY, create_county
from tests.web.kit import PASSWORD
from web.node import Node, running

COUNTY = CountyId(6001)
BASE = "http://localhost"
HEADERS = {"x-crisis-client": "page", "origin": BASE, "sec-fetch-site": "same-origin"}
#: How often the loop is asked.
_EACH_S = 0.002


async def run(quick: bool) -> list[Row]:
    """Measure a file of 60,000 rows; of 6,000 for a glance."""
    rows = 6_000 if quick else 60_000
    async with (
        fresh_folder() as folder,
        fresh_database() as dsn,
        Database.open(dsn) as database,
    ):
        await create_county(database, COUNTY)
        await administration.add_agency(database, COUNTY, "Open Door")
        environ = {
            "CRISIS_DATA_DIR": str(folder),
            "CRISIS_MASTER_KEY": b64encode(MASTER_KEY).decode(),
        }
        settings = load(environ, working_dir=folder)
        async with running(settings, database, ticking=False) as node:
            cookie = await _signed_in(node)
            gc.collect()
            gc.freeze()
            idle = await _p99_ms(asyncio.sleep(2.0 if quick else 5.0))
            start = time.perf_counter()
            busy = await _p99_ms(_post(node, cookie, rows))
            took = time.perf_counter() - start
    return [
        at_most(
            12,
            f"loop lag p99 while {rows:,} rows are gone through in {took:.0f} s; floor: idle",
            "ms",
            busy,
            idle,
        )
    ]


async def _signed_in(node: Node) -> str:
    account_id = await node.accounts.create_account("ada", "Ada", password=PASSWORD)
    grant = Grant(county_id=COUNTY, roles=frozenset({Role.ADMIN}))
    await node.accounts.grant(account_id, grant)
    transport = httpx.ASGITransport(node.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        body = {"username": "ada", "password": PASSWORD}
        answer = await http.post("/api/v1/session", json=body, headers=HEADERS)
        assert answer.status_code == 200, answer.text
        return "; ".join(f"{name}={value}" for name, value in http.cookies.items())


async def _p99_ms(work: Awaitable[Any]) -> float:
    """Return how late the loop turned while ``work`` went on, in all but one of a hundred turns."""
    lags: list[float] = []

    async def ask() -> None:
        while True:
            due = time.perf_counter() + _EACH_S
            await asyncio.sleep(_EACH_S)
            lags.append(time.perf_counter() - due)

    asking = asyncio.ensure_future(ask())
    await work
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    lags.sort()
    return lags[int(len(lags) * 0.99)] * 1e3


def _body(rows: int, mark: str) -> bytes:
    people = "".join(
        f"K{n},Open Door,lcsw,Person {n},{2027 + n % 4}-06-30,2024-01-15,yes\n" for n in range(rows)
    )
    heads = "code,agency,provider_type,name,licence_until,core_trained,naloxone\n"
    fields = (
        ('name="act"', str(new_id())),
        ('name="csv"; filename="people.csv"', heads + people),
    )
    parts = "".join(
        f"--{mark}\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n"
        for name, value in fields
    )
    return f"{parts}--{mark}--\r\n".encode()


async def _post(node: Node, cookie: str, rows: int) -> None:
    """Post the file as a server would hand it over, and read the page to its end."""
    mark = "a-mark-between-parts"
    body = await asyncio.to_thread(_body, rows, mark)
    headers = {
        **HEADERS,
        "host": "localhost",
        "cookie": cookie,
        "content-type": f"multipart/form-data; boundary={mark}",
        "content-length": str(len(body)),
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/admin/{COUNTY}/import/people",
        "raw_path": f"/admin/{COUNTY}/import/people".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("localhost", 80),
    }
    chunks = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    done = asyncio.Event()
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if chunks:
            await asyncio.sleep(0)
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message
        sent.append(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    await node.app(scope, receive, send)
    assert f"{rows:,} rows read".encode() in b"".join(sent)
