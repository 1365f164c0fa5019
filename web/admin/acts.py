"""Acts of forms under way and those just done: one sent twice is one act with one answer.

Decides what counts as the same act, and for how long its answer is kept. Must not know what any act
does.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.responses import Response

from crisis.errors import CrisisError
from dispatch.beside import Work
from web.admin.forms import Form
from web.admin.jobs import Job

#: How many acts' answers are kept, in case they are sent again.
_MOST_ACTS = 256
#: A longer answer of a long act isn't kept: sent again, it is done again, and does nothing more.
_LONGEST_KEPT = 256 * 1024


class Acts:
    """Acts under way and those just done, so that none is done twice on this node."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, UUID, bytes], asyncio.Task[Response]] = OrderedDict()
        self._jobs: dict[tuple[UUID, UUID, bytes], Job] = {}

    async def once(
        self, account: UUID, form: Form, do: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return what ``do`` answers; the same act sent again gets the same answer.

        What was refused may be tried again under the same id; a form that says something else is
        another act.
        """
        key = (account, form.act(), form.digest())
        task = self._known.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(do))
            self._known[key] = task
            while len(self._known) > _MOST_ACTS:
                self._known.popitem(last=False)
        try:
            # Whoever goes away doesn't take the act with them.
            response = await asyncio.shield(task)
        except CrisisError:
            self._known.pop(key, None)
            raise
        if response.status_code >= 400:
            self._known.pop(key, None)
        return response

    def long(self, account: UUID, form: Form, do: Callable[[Work], Awaitable[Response]]) -> Job:
        """Return the job that does a long act; the same act sent again joins it."""
        key = (account, form.act(), form.digest())
        for done in [one for one, job in self._jobs.items() if not _is_kept(job)]:
            del self._jobs[done]
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = Job(do)
            while len(self._jobs) > _MOST_ACTS:
                del self._jobs[next(iter(self._jobs))]
        return job


def _is_kept(job: Job) -> bool:
    if job.is_lost:
        return False
    if not job.is_done:
        return True
    answer = job.answer()
    return answer.status_code < 400 and len(answer.body) <= _LONGEST_KEPT


async def _run(do: Callable[[], Awaitable[Response]]) -> Response:
    return await do()
