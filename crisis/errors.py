"""The refusals of the domain, each with a stable machine-readable code.

    CrisisError
    ├── Invalid          the input can't be understood, whatever the state
    ├── NotFound         no such thing in this county
    ├── NotSignedIn      nobody knows who asks: sign in (again)
    ├── NotAllowed       this person may not do it
    ├── TooMany          too often; ask again after ``retry_after_s``
    ├── Conflict         understood and permitted, but the state forbids it now
    │   ├── IllegalTransition
    │   ├── OfferClosed
    │   ├── StaleVersion
    │   └── Disputed     a field report that is kept, but not believed
    └── Unavailable      the service can't decide at this moment; try again

Must not know HTTP: ``web.api.wire`` alone maps these to status numbers. Messages are written for
the person who must act on them and never hold private data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from crisis.refusal_codes import RefusalCode


class CrisisError(Exception):
    """Base of all refusals.

    Attributes:
        code: stable identifier that clients may rely on, ``snake_case``.
        detail: one sentence for the person who must act.
        facts: the structured values behind the sentence (ids, states, limits); JSON-able.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, code: RefusalCode, detail: str, /, **facts: object) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.facts: Mapping[str, object] = facts

    def __str__(self) -> str:
        return self.detail

    def to_builtins(self) -> dict[str, object]:
        """Return what is needed to raise the same refusal again; facts must be JSON-able."""
        return {
            "class": type(self).__name__,
            "code": self.code,
            "detail": self.detail,
            "facts": dict(self.facts),
        }

    @staticmethod
    def from_builtins(stored: Mapping[str, Any]) -> CrisisError:
        """Return the refusal that ``to_builtins`` described."""
        known = {cls.__name__: cls for cls in _all_kinds(CrisisError)}
        cls = known[stored["class"]]
        return cls(stored["code"], stored["detail"], **stored["facts"])


class Invalid(CrisisError):
    """The input can't be understood, whatever the state of the county."""

    kind = "invalid"


class NotFound(CrisisError):
    """No such thing in this county; foreign counties answer the same."""

    kind = "not_found"


class NotSignedIn(CrisisError):
    """Nobody knows who asks: no session, an ended one, or wrong credentials."""

    kind = "not_signed_in"


class NotAllowed(CrisisError):
    """This person may not do it, here or in this role."""

    kind = "not_allowed"


class TooMany(CrisisError):
    """Asked too often; ``retry_after_s`` (> 0, also among the facts) says when to ask again."""

    kind = "too_many"

    def __init__(
        self, code: RefusalCode, detail: str, /, *, retry_after_s: float, **facts: object
    ) -> None:
        super().__init__(code, detail, retry_after_s=retry_after_s, **facts)
        self.retry_after_s = retry_after_s


class Conflict(CrisisError):
    """Understood and permitted, but the present state forbids it."""

    kind = "conflict"


class IllegalTransition(Conflict):
    """The thing's transition table has no such step."""


class OfferClosed(Conflict):
    """The offer was accepted, declined, withdrawn or has expired."""


class StaleVersion(Conflict):
    """The caller decided on an older version than the present one."""


class Disputed(Conflict):
    """A report from the field that contradicts what is known; kept, marked, not believed."""


class Unavailable(CrisisError):
    """The service can't decide at this moment; the same command may be sent again."""

    kind = "unavailable"


class ShuttingDown(Unavailable):
    """This node ends; another one, or the same one after its start, takes the command again."""

    def __init__(self) -> None:
        super().__init__("shutting_down", "This node is shutting down; send the same again.")


def _all_kinds(base: type[CrisisError]) -> Iterator[type[CrisisError]]:
    yield base
    for cls in base.__subclasses__():
        yield from _all_kinds(cls)
