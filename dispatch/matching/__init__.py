"""Which teams may go to an incident, and in which order to ask them, with all the reasons.

``rank`` compares every team of the county; ``why_not`` judges a single one, for the check at the
offer. Pure: positions, travel times and ``now`` are arguments. Must not know the database, HTTP or
who asks; what becomes of a recommendation is decided elsewhere.
"""

from __future__ import annotations

from crisis.offer import LocatedBy
from dispatch.matching.eligibility import CrewMemo, serves, why_not
from dispatch.matching.ranking import rank
from dispatch.matching.shapes import (
    Adjustment,
    Candidate,
    Excluded,
    Possible,
    Reason,
    ReasonCode,
    Recommendation,
    TieBreak,
)

__all__ = [
    "Adjustment",
    "Candidate",
    "CrewMemo",
    "Excluded",
    "LocatedBy",
    "Possible",
    "Reason",
    "ReasonCode",
    "Recommendation",
    "TieBreak",
    "rank",
    "serves",
    "why_not",
]
