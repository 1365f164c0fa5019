"""In which order to ask teams that may go, who should get whom, and what is sought.

Whether a team may go at all is ``crisis.eligibility``. Pure: positions, travel times and ``now``
are arguments. Must not know the database, HTTP or who asks; what becomes of a recommendation is
decided elsewhere.
"""

from __future__ import annotations

from crisis.offer import LocatedBy
from dispatch.choose.ranking import rank
from dispatch.choose.recommendation import (
    Adjustment,
    Candidate,
    Excluded,
    Possible,
    Recommendation,
    TieBreak,
)

__all__ = [
    "Adjustment",
    "Candidate",
    "Excluded",
    "LocatedBy",
    "Possible",
    "Recommendation",
    "TieBreak",
    "rank",
]
