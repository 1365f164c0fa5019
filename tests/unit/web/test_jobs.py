"""Long acts of the pages: told how far they are, joined when sent again, ended when all left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

from crisis.errors import CrisisError, Invalid
from dispatch.beside import Work
from web.admin import jobs
from web.admin.jobs import Job, Waiting, answer_of


def refusal(error: CrisisError) -> Response:
    return Response(f"refused: {error.code}", 400)


class Browser:
    """What an answer sends, and a browser that may go away."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.leaves = asyncio.Event()
        self.told = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if b"<!--" in message.get("body", b""):
            self.told.set()

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_SOON_S", 0.0)
    monkeypatch.setattr(jobs, "_TOLD_EACH_S", 0.001)


async def test_what_is_done_soon_is_answered_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_SOON_S", 60.0)

    async def do(work: Work) -> Response:
        return Response("done", 201)

    assert (await answer_of(Job(do), refusal, {})).status_code == 201


async def test_whoever_waits_is_told_how_far_it_is_and_gets_the_page() -> None:
    go = asyncio.Event()

    async def do(work: Work) -> Response:
        work.note(30, 60)
        await go.wait()
        return Response("<!doctype html>the page")

    answer = await answer_of(Job(do), refusal, {"cache-control": "no-store"})
    assert isinstance(answer, Waiting)
    browser = Browser()
    task = asyncio.ensure_future(answer({}, browser.receive, browser.send))
    await browser.told.wait()
    go.set()
    await task
    assert browser.sent[0]["status"] == 200
    assert (b"cache-control", b"no-store") in browser.sent[0]["headers"]
    assert b"<!-- 30 / 60 -->" in browser.body
    assert browser.body.endswith(b"<!doctype html>the page")


async def test_the_work_stops_when_the_last_browser_has_left_and_not_before() -> None:
    stopped = asyncio.Event()

    async def do(work: Work) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return Response()

    job = Job(do)
    browsers = [Browser(), Browser()]
    tasks = [
        asyncio.ensure_future(
            (await answer_of(job, refusal, {}))({}, browser.receive, browser.send)
        )
        for browser in browsers
    ]
    for browser, task in zip(browsers, tasks, strict=True):
        await browser.told.wait()
        assert not stopped.is_set()
        browser.leaves.set()
        await task
    await stopped.wait()
    assert job.is_lost
    assert job.work.is_stopped


@pytest.mark.parametrize("late", [True, False])
async def test_a_refusal_and_a_redirection_that_come_late_are_pages(late: bool) -> None:
    go = asyncio.Event()

    async def do(work: Work) -> Response:
        await go.wait()
        if late:
            raise Invalid("file_columns", "No.")
        return RedirectResponse("/admin/6001/zones?said=zones", 303)

    answer = await answer_of(Job(do), refusal, {})
    browser = Browser()
    task = asyncio.ensure_future(answer({}, browser.receive, browser.send))
    await browser.told.wait()
    go.set()
    await task
    wanted = b"refused: file_columns" if late else b'data-to="/admin/6001/zones?said=zones"'
    assert wanted in browser.body
