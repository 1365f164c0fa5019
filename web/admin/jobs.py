"""Acts that take long: one that several answers wait for, and that ends when nobody waits.

Decides how an answer waits: what is done soon is answered as it is; else the page begins at once
and says how far the work is, in comments before it, so that whoever goes away is noticed, and the
work stops. Must not know what is done.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from crisis.errors import CrisisError
from dispatch.beside import Stopped, Work

#: What is done within this is answered with its own status.
_SOON_S = 1.0
#: How often somebody who waits is told how far it is.
_TOLD_EACH_S = 0.5


class Job:
    """An act under way, and how many wait for it."""

    def __init__(self, do: Callable[[Work], Awaitable[Response]]) -> None:
        self.work = Work()
        self._waiting = 0
        self._task = asyncio.ensure_future(_run(do, self.work))

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._task.done()

    @property
    def is_lost(self) -> bool:
        """Whether it ended, or is about to, without an answer that could be given again."""
        if not self._task.done():
            return self.work.is_stopped
        return self._task.cancelled() or self._task.exception() is not None

    def answer(self) -> Response:
        """Return its answer, once it is done.

        Raises:
            CrisisError: the refusal.
        """
        return self._task.result()

    async def wait(self, seconds: float, *others: asyncio.Future[None]) -> None:
        """Wait until it is done, one of the others is, or the time is over."""
        all_: list[asyncio.Future[Any]] = [self._task, *others]
        await asyncio.wait(all_, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def join(self) -> None:
        """One more waits for it."""
        self._waiting += 1

    def leave(self) -> None:
        """One doesn't wait any more; the last one to leave stops it."""
        self._waiting -= 1
        if self._waiting == 0 and not self._task.done():
            self.work.stop()
            self._task.cancel()


async def _run(do: Callable[[Work], Awaitable[Response]], work: Work) -> Response:
    try:
        return await do(work)
    except Stopped:
        raise asyncio.CancelledError from None


class Waiting(Response):
    """A page whose work is still under way.

    Args:
        refusal: writes the page of a refusal.
    """

    media_type = "text/html"

    def __init__(
        self, job: Job, refusal: Callable[[CrisisError], Response], headers: dict[str, str]
    ) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._job = job
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say how far it is until it is done; then write the page."""
        del scope
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while not self._job.is_done:
                work = self._job.work
                said = f"<!-- {work.done} / {work.of} -->\n".encode()
                await send({"type": "http.response.body", "body": said, "more_body": True})
                await self._job.wait(_TOLD_EACH_S, gone)
                if gone.done():
                    return
            await send({"type": "http.response.body", "body": self._page()})
        finally:
            gone.cancel()
            self._job.leave()

    def _page(self) -> bytes:
        try:
            page = self._job.answer()
        except CrisisError as error:
            page = self._refusal(error)
        to = page.headers.get("location")
        if to is None:
            return bytes(page.body)
        where = html.escape(to)
        # Too late for a redirection: the page's script goes there, or the browser itself.
        return (
            f'<!doctype html><html data-to="{where}"><head><title>-</title>'
            f'<meta http-equiv="refresh" content="0;url={where}"></head></html>'
        ).encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer_of(
    job: Job, refusal: Callable[[CrisisError], Response], headers: dict[str, str]
) -> Response:
    """Return what a job answers, or a page that waits for it.

    Raises:
        CrisisError: the refusal, where it came soon.
    """
    job.join()
    try:
        await job.wait(_SOON_S)
        if not job.is_done:
            return Waiting(job, refusal, headers)
    except BaseException:
        job.leave()
        raise
    job.leave()
    return job.answer()
