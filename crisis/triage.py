"""What is known of a situation before anyone arrives: acuity, place, needs, hazards, screening.

Values only. Codes (needs, hazards, concerns, location types) come from the versioned code sets;
this module does not know which exist. The parts named private are sealed in the log and in every
read model, and never leave in a live frame.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from crisis.ids import RecordId, TeamId
from crisis.shapes import Value
from geo.point import Point
from geo.zone import AreaClass


class Acuity(StrEnum):
    """How soon a team is needed; the words, never a number with a hidden direction."""

    EMERGENT = "emergent"
    URGENT = "urgent"
    ROUTINE = "routine"


#: For sorting: most pressing first.
ACUITY_ORDER: dict[Acuity, int] = {
    Acuity.EMERGENT: 0,
    Acuity.URGENT: 1,
    Acuity.ROUTINE: 2,
}


class Answer(StrEnum):
    """A risk item's answer. A blank never reads as safe: what wasn't asked says so."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


def answer_of(said: bool) -> Answer:
    """Return what a plain yes or no says."""
    return Answer.YES if said else Answer.NO


class Need(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the person needs of the team; ``hard`` excludes teams that lack it.

    ``hard`` ``None`` = not said: it is as its code says, which whoever takes it in works out.
    ``team_id``: the one that knows the person, as somebody told, where the need is for that team;
    ``None`` = nobody knows which.
    """

    code: str
    hard: bool | None = None
    team_id: TeamId | None = None


#: Of a reason, and of where a word came from: nobody was asked, so nobody may rely on it.
NOT_SAID = "not_said"


class HazardTold(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A danger as somebody tells it; ``source`` ``None`` = they don't say where the word came from.

    What isn't said then isn't made up: it is noted as the team's where a crew tells it, else as
    not said.
    """

    code: str
    source: str | None = None
    noted_at: datetime | None = None


class Hazard(HazardTold, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A danger on the scene, with where the word of it came from and when (never a name).

    The default is what logs leave out: a word of the caller, told as such.
    """

    source: str = "caller"


class Place(Value, frozen=True, kw_only=True):
    """Where a team must go, without the exact point.

    Attributes:
        cell: centre of the ~1 km cell around the point; ``None`` = location not known yet.
        location_type: code (home, school, ...).
        other_types: what else it was called by those who told of what was merged into it.
        excluded_setting: no Medi-Cal mobile crisis benefit there: warn and unbill, don't block.
        area_class: by the incident's own place, else the county's; ``None`` = not classed yet.
        area_method: ``polygon`` or ``county_class``.
        area_version: which version of the areas decided it.
        address_record: the typed address, verbatim, as an encrypted record; ``None`` = none.
        access_record: how to get in, where that was told after the address; ``None`` = it wasn't.
    """

    cell: Point | None = None
    location_type: str = "unknown"
    other_types: tuple[str, ...] = ()
    excluded_setting: bool = False
    area_class: AreaClass | None = None
    area_method: str = ""
    area_version: str = ""
    address_record: str | None = None
    access_record: RecordId | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """Every type of place that it was told to be, its own first; empty = not known."""
        told = dict.fromkeys((self.location_type, *self.other_types))
        return tuple(code for code in told if code != "unknown")


class Clinical(Value, frozen=True, kw_only=True):
    """The private part of a triage: exact point and clinical facts.

    Attributes:
        point: exact place of the person; ``None`` = not known, or erased.
        concerns: codes of crisis type; mental health, substance use or both.
        screening: risk item code → answer.
        erased: the incident's key was destroyed; nothing else is left here.
    """

    point: Point | None = None
    concerns: tuple[str, ...] = ()
    screening: dict[str, Answer] = {}
    erased: bool = False


class Standard(Value, frozen=True, kw_only=True):
    """The response-time standard that an incident was determined under.

    ``minutes`` > 0, counted from determination to the first qualifying arrival on scene.
    """

    minutes: int
    version: str
