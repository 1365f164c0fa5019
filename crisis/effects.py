"""What a command leaves beside its events: records, notices to people elsewhere, its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crisis.ids import IncidentId, RecordId
from crisis.shapes import Value


class RecordDraft(Value, frozen=True, kw_only=True):
    """Private text on its way to an encrypted record.

    ``kind``: caller, address, narrative, note, subject, rationale, responder_name, ...
    ``incident_id``: whose data key seals it; ``None`` = the county's own key.
    """

    id: RecordId
    kind: str
    incident_id: IncidentId | None
    fields: dict[str, Any]


class Notice(Value, frozen=True, kw_only=True):
    """An outside effect: an outbox row written with the command.

    Attributes:
        to: ``team:<id>``, ``user:<id>`` or ``role:<role>``.
        template: code of the message; messages hold nothing private, by construction.
        urgency: ``now`` (rings), ``soon`` or ``info``.
        incident_number: what people say aloud; the only reference that leaves.
        not_after: useless after this instant; ``None`` = always useful.
    """

    to: str
    template: str
    urgency: str = "now"
    incident_number: int | None = None
    not_after: datetime | None = None


class Answer(Value, frozen=True, kw_only=True):
    """What a command came to. ``seq``: the head of the county's log after it."""

    seq: int
    result: dict[str, Any]
