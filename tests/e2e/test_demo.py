"""The demonstration as somebody starts it: alive, without errors, accounted for, and gone after."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

Eventually = Callable[..., Awaitable[None]]

ROOT = Path(__file__).parents[2]
#: The page is up this soon on an idle machine in 5 s; tests share theirs.
_UP_WITHIN_S = 60.0


@dataclass
class Demo:
    """A demonstration in a process of its own."""

    process: asyncio.subprocess.Process
    folder: Path
    lines: list[str] = field(default_factory=list)
    url: str = ""
    passwords: dict[str, str] = field(default_factory=dict)

    async def read_until(self, text: str) -> None:
        """Read what it says until a line holds ``text``."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_UP_WITHIN_S):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, self.lines
                self.lines.append(line.rstrip())
                if found := re.search(r"at work on (http\S+)", line):
                    self.url = found[1]
                if found := re.match(r"(\w+) +(\w{4}-\w{4}-\w{4}-\w{4}) ", line):
                    self.passwords[found[1]] = found[2]
                if text in line:
                    return

    async def rest(self) -> str:
        """All that it says until its end."""
        assert self.process.stdout is not None
        self.lines += (await self.process.stdout.read()).decode().splitlines()
        return "\n".join(self.lines)


@asynccontextmanager
async def demo(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    """Start one with its temporary directories below ``folder``; killed at the end."""
    environ = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and "CRISIS" not in k}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "web", "demo", "--port", "0", *arguments),
        cwd=ROOT,
        env={**environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Demo(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def accounted(text: str) -> tuple[int, int]:
    """Incidents received, and the sum of what became of them."""
    found = re.search(
        r"(\d+) received = (\d+) closed \+ (\d+) cancelled \+ (\d+) merged \+ (\d+) open", text
    )
    assert found is not None, text
    received, *parts = map(int, found.groups())
    return received, sum(parts)


def processes_naming(text: str) -> list[str]:
    """Command lines and directories of live processes that name ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in line and int(entry.name) != os.getpid():
            found.append(line)
    return found


def assert_gone(folder: Path, started: set[int]) -> None:
    """Neither a process nor a file of it is left."""
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert processes_naming(str(folder)) == []
    assert list(folder.iterdir()) == []


def children_of(pid: int) -> set[int]:
    """Ids of the live processes that this one started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return {int(word) for word in path.read_text().split()}


@pytest.fixture
def folder(open_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the test's own that PostgreSQL's unprivileged user can reach."""
    made = open_folder / tmp_path_factory.mktemp("demo").name
    made.mkdir()
    made.chmod(0o711)
    return made


@pytest.mark.timeout(180)
async def test_it_runs_by_itself_without_errors_and_accounts_for_every_incident(
    folder: Path,
) -> None:
    async with demo(folder, "--speed", "60", "--minutes", "0.5", "--county", "Fresno") as shown:
        await shown.read_until("Ctrl-C")
        started = children_of(shown.process.pid)
        text = await shown.rest()
        assert await shown.process.wait() == 0, text
    assert "Errors: 0." in text
    received, accounted_for = accounted(text)
    assert received == accounted_for
    assert received > 100, "the week before is missing"
    sent = re.search(r"Simulated people: (\d+) commands, (\d+) positions", text)
    assert sent is not None
    assert int(sent[1]) > 10
    assert int(sent[2]) > 0
    assert started
    assert_gone(folder, started)


@pytest.mark.timeout(180)
async def test_everybody_can_sign_in_the_reports_speak_and_ctrl_c_ends_all(folder: Path) -> None:
    async with demo(folder, "--speed", "20", "--county", "Marin") as shown:
        await shown.read_until("Ctrl-C")
        assert set(shown.passwords) >= {"dispatcher", "supervisor", "lead", "you"}
        url = shown.url.replace("localhost", "127.0.0.1")
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            for name, password in shown.passwords.items():
                body = {"username": name, "password": password, "mode": "bearer"}
                signed = await http.post("/api/v1/session", json=body)
                assert signed.status_code == 200, (name, signed.text)
                if name == "lead":
                    header = {"authorization": f"Bearer {signed.json()['token']}"}
                if name == "you":
                    you = {"authorization": f"Bearer {signed.json()['token']}"}
            (shift,) = (await http.get("/api/v1/my-shifts", headers=you)).json()["shifts"]
            assert shift["started_at"] is None
            started = await http.post(
                f"/api/v1/teams/{shift['team_id']}/start-shift",
                json={"shift_id": shift["shift_id"]},
                headers={**you, "idempotency-key": str(uuid4())},
            )
            assert started.status_code == 200, started.text
            report = await http.get(
                "/api/v1/reports/response-times.json?since=2026-01-01", headers=header
            )
            assert report.status_code == 200, report.text
            lines = report.json()["lines"]
            assert max(line["determined"]["denominator"] for line in lines) > 5
        shown.process.send_signal(signal.SIGINT)
        text = await shown.rest()
        assert await shown.process.wait() == 0, text
    assert "Errors: 0." in text
    assert_gone(folder, set())


class Hands:
    """A person who is signed in and acts by hand."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.header: dict[str, str] = {}

    async def sign_in(self, shown: Demo, name: str) -> None:
        body = {"username": name, "password": shown.passwords[name], "mode": "bearer"}
        signed = (await self.http.post("/api/v1/session", json=body)).json()
        self.header = {"authorization": f"Bearer {signed['token']}"}

    async def board(self, kind: str) -> list[dict[str, Any]]:
        """What the desk shows of one kind now."""
        found = (await self.http.get("/api/v1/board", headers=self.header)).json()["up"]
        return [entity for entity in found if entity["k"] == kind]

    async def send(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a command that must be accepted; its result."""
        answered = await self.try_to(path, body)
        assert answered.is_success, (path, answered.text)
        result: dict[str, Any] = answered.json()["result"]
        return result

    async def try_to(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        header = {**self.header, "idempotency-key": str(uuid4())}
        return await self.http.post(f"/api/v1{path}", json=body or {}, headers=header)


@pytest.mark.timeout(180)
async def test_a_newcomer_sees_a_busy_county_at_once_and_takes_over_a_call_and_a_team(
    folder: Path, eventually: Eventually
) -> None:
    async with demo(folder, "--county", "Alpine") as shown:
        await shown.read_until("Ctrl-C")
        url = shown.url.replace("localhost", "127.0.0.1")
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            me, you = Hands(http), Hands(http)
            await me.sign_in(shown, "dispatcher")
            await you.sign_in(shown, "you")

            async def is_busy() -> bool:
                return len({one["phase"] for one in await me.board("incident")}) >= 2

            # At once where the machine is quick; in any case without waiting for the first call.
            await eventually(is_busy, within_s=60)

            (shift,) = (await http.get("/api/v1/my-shifts", headers=you.header)).json()["shifts"]
            mine = shift["team_id"]
            await you.send(f"/teams/{mine}/start-shift", {"shift_id": shift["shift_id"]})
            team = next(one for one in await me.board("team") if one["id"] == mine)

            taken: list[str] = []

            async def took_a_call() -> bool:
                for call in await me.board("call"):
                    if call["state"] == "offered" and call.get("incident_id") is None:
                        answered = await me.try_to(f"/calls/{call['id']}/answer")
                        if answered.is_success:
                            taken.append(call["id"])
                            return True
                return False

            await eventually(took_a_call, within_s=60)
            point = {"lat_deg": team["base_lat"], "lon_deg": team["base_lon"]}
            safe = dict.fromkeys(("weapon_on_scene", "violence_now", "suicide_attempt_now"), "no")
            opened = await me.send(
                "/incidents",
                {
                    "call_id": taken[0],
                    "place": {"point": point, "location_type": "home"},
                    "concerns": ["other"],
                    "screening": safe,
                },
            )
            path = f"/incidents/{opened['incident_id']}"
            decided = {"decision": "dispatch", "acuity": "urgent"}
            await me.send(f"{path}/determination", decided)
            asked = {"team_id": mine, "override_reason": "team_asked"}
            offered = await me.send(f"{path}/offers", asked)
            accepted = await you.send(f"/offers/{offered['offer_id']}/accept")
            run = f"/assignments/{accepted['assignment_id']}"
            for status in ("en_route", "on_scene"):
                await you.send(f"{run}/status", {"status": status})

            async def others_work_on() -> bool:
                calls = await me.board("call")
                return any(call["id"] != taken[0] and "answered_by" in call for call in calls)

            await eventually(others_work_on, within_s=60)
            (incident,) = (
                one for one in await me.board("incident") if one["id"] == opened["incident_id"]
            )
            assert [one["team_id"] for one in incident["runs"]] == [mine]
            (call,) = (one for one in await me.board("call") if one["id"] == taken[0])
            assert call["state"] == "on_line", "nobody else ended what I took"
            await me.send(f"/calls/{taken[0]}/end")
        shown.process.send_signal(signal.SIGINT)
        text = await shown.rest()
        assert await shown.process.wait() == 0, text
    assert "Errors: 0." in text
    assert "so that something is to be seen" in text


@pytest.mark.timeout(180)
async def test_kept_in_a_directory_it_goes_on_where_it_stopped(folder: Path) -> None:
    kept = folder / "kept"
    received = []
    for _ in range(2):
        arguments = ("--keep", str(kept), "--speed", "30", "--minutes", "0.1", "--county", "Napa")
        async with demo(folder, *arguments) as shown:
            text = await shown.rest()
            assert await shown.process.wait() == 0, text
        assert "Errors: 0." in text
        first, second = accounted(text)
        assert first == second
        received.append(first)
    assert received[1] >= received[0] > 10
