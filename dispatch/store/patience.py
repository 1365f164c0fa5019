"""How long something is waited for, so that a busy machine isn't taken for a silent server.

Must not know what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from math import ceil
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TURN_S: Final = 0.25


async def within(
    seconds: float, work: Coroutine[Any, Any, T], unwanted: Callable[[T], None] | None = None
) -> T:
    """Run ``work`` and give it up after so many seconds, told by this loop's own turns.

    A turn that took longer counts as one: where this program itself stood still, the answer may
    well have been there.

    ``unwanted``: gets what ``work`` brought in the very turn in which its caller was cancelled, to
    give it back.

    Raises:
        TimeoutError: it wasn't done by then.
    """
    task = asyncio.ensure_future(work)
    try:
        for _ in range(max(1, ceil(seconds / _TURN_S))):
            done, _ = await asyncio.wait({task}, timeout=min(_TURN_S, seconds))
            if done:
                return task.result()
    # Whatever ends the waiting ends the work as well, and is raised on.
    except BaseException:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None and unwanted is not None:
            unwanted(task.result())
        raise
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        # It came at the last moment.
        return task.result()
    raise TimeoutError
