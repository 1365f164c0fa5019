"""Keys and seals: what is private is encrypted before it reaches the database.

    master key ─HKDF→ county key ─wraps→ one data key per incident ─seals→ fields, records

AES-256-GCM throughout, with a random 96-bit nonce in front of each text. The associated data binds
a text to its place, so that a row copied elsewhere doesn't open. Destroying an incident's wrapped
key makes everything of it unreadable while the log stays whole. Must not know tables.
"""

from __future__ import annotations

from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crisis.clock import random_bytes
from crisis.errors import Unavailable

_NONCE = 12
_KEY = 32


class Seal:
    """One key: seals and opens texts bound to a place."""

    __slots__ = ("_gcm",)

    def __init__(self, key: bytes) -> None:
        self._gcm = AESGCM(key)

    def seal(self, text: bytes, place: str) -> bytes:
        """Return ``text`` encrypted; ``place`` (table and key) must be the same to open it."""
        nonce = random_bytes(_NONCE)
        return nonce + self._gcm.encrypt(nonce, text, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the text.

        Raises:
            Unavailable: ``wrong_key``: another master key wrote it, or it was tampered with.
        """
        try:
            return self._gcm.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag:
            raise Unavailable(
                "wrong_key",
                "Private data does not open: the master key is not the one that sealed it, "
                "or the data was changed.",
                place=place,
            ) from None


class CountyKeys:
    """A county's key and the open data keys of its incidents, held in memory by a node."""

    def __init__(self, master_key: bytes, county_id: int) -> None:
        if len(master_key) != _KEY:
            raise ValueError("the master key must have 32 bytes")
        self.county_id = county_id
        derive = HKDF(hashes.SHA256(), _KEY, salt=None, info=f"county/{county_id}/1".encode())
        self._county = Seal(derive.derive(master_key))
        self._incidents: dict[UUID, Seal] = {}

    @property
    def county(self) -> Seal:
        """The seal for what belongs to no incident."""
        return self._county

    def create(self, incident_id: UUID) -> bytes:
        """Make an incident's data key and return it wrapped, to be stored in the same commit."""
        key = random_bytes(_KEY)
        self._incidents[incident_id] = Seal(key)
        return self._county.seal(key, f"incident_keys/{incident_id}")

    def load(self, incident_id: UUID, wrapped: bytes) -> None:
        """Open a stored key."""
        key = self._county.open(wrapped, f"incident_keys/{incident_id}")
        self._incidents[incident_id] = Seal(key)

    def forget(self, incident_id: UUID) -> None:
        """Drop the open key: the incident left the board, or was erased."""
        self._incidents.pop(incident_id, None)

    def get(self, incident_id: UUID) -> Seal | None:
        """Return the incident's seal; ``None`` = not loaded, or erased."""
        return self._incidents.get(incident_id)

    def __contains__(self, incident_id: UUID) -> bool:
        return incident_id in self._incidents
