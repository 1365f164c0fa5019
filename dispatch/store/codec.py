"""Events and folded things to and from their rows, with the private parts sealed.

An event's body is JSON by its struct; the fields that its class names in ``SEALED`` are taken out,
encrypted under the incident's data key and put beside it. After erasure they come back as their
defaults. Older versions of a body are lifted up to the present one here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

import msgspec

from crisis.errors import Unavailable
from crisis.events import REGISTRY, Event, incident_of, type_of
from crisis.ids import CommandId, CountyId, UserId
from crisis.incident.danger import Danger
from crisis.incident.state import Encounter, Incident, Join
from crisis.shapes import EventBody
from crisis.states import Source
from crisis.suggestion import Suggestion
from crisis.triage import Clinical
from dispatch.store.pool import Record
from dispatch.store.sealing import CountyKeys, Seal


class UnknownEvent(Unavailable):
    """The log holds an event that this version doesn't know: it must not decide on it."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``event_log``, as it travels to the database."""

    county_id: int
    seq: int
    type: str
    version: int
    occurred_at: datetime
    recorded_at: datetime
    source: str
    actor_id: UUID | None
    role: str
    incident_id: UUID | None
    command_id: UUID
    device_at: datetime | None
    reason: str | None
    off_board: bool
    body: EventBody
    sealed: str | None


def _private_shape(cls: type[EventBody]) -> type[msgspec.Struct]:
    hints = get_type_hints(cls)
    defaults = {f.name: f.default for f in msgspec.structs.fields(cls)}
    return msgspec.defstruct(
        f"Private{cls.__name__}",
        [(name, hints[name], defaults[name]) for name in cls.SEALED],
        omit_defaults=True,
        frozen=True,
        kw_only=True,
    )


_PRIVATE: Mapping[type[EventBody], type[msgspec.Struct]] = {
    cls: _private_shape(cls) for cls in REGISTRY.values() if cls.SEALED
}
_BLANK: Mapping[type[EventBody], Mapping[str, Any]] = {
    cls: {f.name: f.default for f in msgspec.structs.fields(cls) if f.name in cls.SEALED}
    for cls in _PRIVATE
}
_encoder = msgspec.json.Encoder()
_body_decoders = {name: msgspec.json.Decoder(cls) for name, cls in REGISTRY.items()}

#: (type, version) → lifts that version's JSON object to the next one.
UPCASTERS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}


def as_bytea(value: bytes) -> str:
    """Return bytes as PostgreSQL's hexadecimal input text."""
    return "\\x" + value.hex()


def event_row(event: Event, keys: CountyKeys) -> EventRow:
    """Return the event's row; private fields are sealed under its incident's data key."""
    body: Any = event.body
    incident_id = incident_of(body)
    sealed = None
    shape = _PRIVATE.get(type(body))
    if shape is not None:
        private = shape(**{name: getattr(body, name) for name in type(body).SEALED})
        text = _encoder.encode(private)
        if text != b"{}":
            seal = _seal_of(keys, incident_id)
            sealed = as_bytea(seal.seal(text, f"event_log/{event.county_id}/{event.seq}"))
            body = msgspec.structs.replace(body, **_BLANK[type(body)])
    return EventRow(
        county_id=event.county_id,
        seq=event.seq,
        type=type_of(body),
        version=type(body).VERSION,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        source=event.source.value,
        actor_id=event.actor,
        role=event.role,
        incident_id=incident_id,
        command_id=event.command_id,
        device_at=event.device_at,
        reason=event.reason,
        off_board=event.off_board,
        body=body,
        sealed=sealed,
    )


def _seal_of(keys: CountyKeys, incident_id: UUID | None) -> Seal:
    seal = keys.get(incident_id) if incident_id is not None else None
    if seal is None:
        raise Unavailable(
            "key_missing", "The key of this incident is not at hand.", incident_id=str(incident_id)
        )
    return seal


def event_of(row: Record, keys: CountyKeys) -> Event:
    """Return the event of a row of ``event_log``; its incident's key must be loaded.

    Raises:
        UnknownEvent: a type or version from a newer program.
    """
    body = _body_of(row)
    if row["sealed"] is not None:
        seal = keys.get(row["incident_id"])
        if seal is None:
            if "clinical" in type(body).SEALED:
                body = msgspec.structs.replace(body, clinical=Clinical(erased=True))
        else:
            place = f"event_log/{row['county_id']}/{row['seq']}"
            text = seal.open(bytes(row["sealed"]), place)
            private = msgspec.json.decode(text, type=_PRIVATE[type(body)])
            body = msgspec.structs.replace(body, **msgspec.structs.asdict(private))
    return Event(
        county_id=CountyId(row["county_id"]),
        seq=row["seq"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        source=Source(row["source"]),
        actor=None if row["actor_id"] is None else UserId(row["actor_id"]),
        role=row["role"],
        command_id=CommandId(row["command_id"]),
        device_at=row["device_at"],
        reason=row["reason"],
        off_board=row["off_board"],
        body=body,
    )


def _body_of(row: Record) -> Any:
    name, version = row["type"], row["version"]
    cls = REGISTRY.get(name)
    if cls is None or version > cls.VERSION:
        raise UnknownEvent(
            "unknown_event",
            "The log holds an event from a newer version of this program; update this node.",
            type=name,
            version=version,
            seq=row["seq"],
        )
    text: str = row["body"]
    if version == cls.VERSION:
        return _body_decoders[name].decode(text)
    fields: dict[str, Any] = msgspec.json.decode(text)
    while version < cls.VERSION:
        fields = UPCASTERS[name, version](fields)
        version += 1
    return msgspec.convert(fields, cls)


class PrivateIncident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a folded incident that its read model keeps sealed."""

    clinical: Clinical = Clinical()
    danger: Danger = Danger()
    touched: dict[str, int] = {}
    touched_by: dict[str, UserId | None] = {}
    joins: tuple[Join, ...] = ()
    suggestion: Suggestion = Suggestion()
    encounters: tuple[Encounter, ...] = ()


_PRIVATE_FIELDS = PrivateIncident.__struct_fields__
_incident_decoder = msgspec.json.Decoder(Incident)
_private_decoder = msgspec.json.Decoder(PrivateIncident)


def sealed_incident(incident: Incident, keys: CountyKeys) -> tuple[Incident, str | None]:
    """Return the incident without its private part, and that part sealed (``None`` = empty).

    An erased incident stays as it is: there is no key, and nothing left to hide.
    """
    private = PrivateIncident(**{name: getattr(incident, name) for name in _PRIVATE_FIELDS})
    if incident.clinical.erased or private == PrivateIncident():
        return incident, None
    seal = _seal_of(keys, incident.id)
    text = seal.seal(_encoder.encode(private), f"incidents/{keys.county_id}/{incident.id}")
    bare = PrivateIncident()
    return msgspec.structs.replace(incident, **msgspec.structs.asdict(bare)), as_bytea(text)


def incident_of_row(body: str, sealed: bytes | None, keys: CountyKeys) -> Incident:
    """Return the folded incident of a row; without its key it says that it was erased."""
    incident = _incident_decoder.decode(body)
    if sealed is None:
        return incident
    seal = keys.get(incident.id)
    if seal is None:
        return msgspec.structs.replace(
            incident, clinical=Clinical(erased=True), danger=Danger(hazards=incident.hazards)
        )
    text = seal.open(bytes(sealed), f"incidents/{keys.county_id}/{incident.id}")
    private = _private_decoder.decode(text)
    return msgspec.structs.replace(incident, **msgspec.structs.asdict(private))
