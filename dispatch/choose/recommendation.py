"""What a ranking says: reasons, score parts, and the recommendation that is kept in a record.

Values only, all of them JSON-able. They name teams by id and everything else by code or number:
never a person, never a coordinate. A ranking makes thousands of them, and none can be part of a
cycle: ``gc=False`` keeps the collector from walking a county's whole state because of them.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from crisis.ids import IncidentId, SlotNo, TeamId
from crisis.offer import LocatedBy
from crisis.reasons import Reason
from crisis.shapes import Value
from crisis.staffing import IncidentNeeds
from geo.travel import TravelMethod, TravelTime


class Adjustment(Value, frozen=True, kw_only=True, gc=False):
    """A soft need's part in a score.

    ``seconds``: added to the travel time; negative = worth that much. ``is_met``: by this team.
    """

    code: str
    seconds: float
    sentence: str
    is_met: bool = False


class Candidate(Value, frozen=True, kw_only=True, gc=False):
    """A team that may go.

    Attributes:
        score_s: travel time plus all adjustments, seconds; the lower the better. Without a known
            place it holds the adjustments alone.
        travel: the drive, with its band; ``None`` = the incident's place isn't known.
        on_time: the expected arrival lies before the deadline; ``None`` = no deadline or no place.
        surely_on_time: ... even at the slow end of the band; never of a team that is only taken
            to be where its drive starts.
        located_by: what the drive starts from.
        fix_age_s: seconds since the newest fix, used or not; ``None`` = there is none.
        asked_before: it declined, or let an offer of this slot expire: after all others.
        reasons: soft ones only.
        coverage_loss: see ``dispatch.choose.coverage``, 0..1; ``None`` = not compared.
    """

    team_id: TeamId
    score_s: float
    travel: TravelTime | None
    located_by: LocatedBy
    on_time: bool | None = None
    surely_on_time: bool | None = None
    is_fastest: bool = False
    asked_before: bool = False
    fix_age_s: float | None = None
    adjustments: tuple[Adjustment, ...] = ()
    reasons: tuple[Reason, ...] = ()
    coverage_loss: float | None = None


class Possible(Value, frozen=True, kw_only=True, gc=False):
    """A team that lacks nothing but a second member, whom one by telehealth could be.

    Both determinations, a named remote member and an approver are needed before it may be asked.

    Attributes:
        saves_s: seconds earlier than the fastest team that is valid already; negative = later,
            ``None`` = not comparable (no valid team, or no place).
        delay_is_marked: the wait for a valid team would be a marked delay by the county's policy;
            a proposal to the person who determines it, never the determination.
    """

    team_id: TeamId
    travel: TravelTime | None
    located_by: LocatedBy
    delay_is_marked: bool
    on_time: bool | None = None
    saves_s: float | None = None
    fix_age_s: float | None = None
    reasons: tuple[Reason, ...] = ()


class Excluded(Value, frozen=True, kw_only=True, gc=False):
    """A team that may not go, with every reason.

    ``eta_s``: estimated from the straight line, for judging how near a miss it is; ``None`` = its
    position or the incident's place isn't known.
    """

    team_id: TeamId
    reasons: tuple[Reason, ...]
    eta_s: float | None = None


class TieBreak(Value, frozen=True, kw_only=True):
    """How coverage decided the first place.

    Attributes:
        instead_of: the team that leads by score alone.
        saved: coverage that this choice keeps, 0..1.
        window_s: how far behind the fastest the choice could lie, seconds.
        busy_share: part of the teams on duty taken to be busy, 0..1.
        reach_s: how far a team covers, seconds of driving.
    """

    team_id: TeamId
    instead_of: TeamId
    saved: float
    window_s: float
    busy_share: float
    reach_s: float


class Recommendation(Value, frozen=True, kw_only=True):
    """A ranking with everything it rests on.

    Attributes:
        board_seq, incident_version, at: the state that was ranked, and when.
        travel_methods: of the drives compared; more than one = some are estimates.
        needs: with the hazards that the screening implies.
        candidates: best first; those asked before come last.
        fastest: the candidate with the shortest drive; always among ``candidates``.
        near_misses: where no team is valid, those that come nearest to it, nearest first; they
            stand in ``possible`` or ``excluded``.
        counts: reason code → how many of the county's teams it bars, also those not listed.
        teams, eligible: how many there are, also where the lists were cut short.
    """

    incident_id: IncidentId
    slot: SlotNo
    board_seq: int
    incident_version: int
    at: datetime
    due_at: datetime | None
    policy_version: str
    travel_parameters: str
    travel_methods: tuple[TravelMethod, ...]
    codes_version: str
    standards_version: str
    place_known: bool
    needs: IncidentNeeds
    teams: int
    eligible: int
    candidates: tuple[Candidate, ...] = ()
    fastest: TeamId | None = None
    possible: tuple[Possible, ...] = ()
    near_misses: tuple[TeamId, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    counts: dict[str, int] = {}
    tie_break: TieBreak | None = None

    def among(self, teams: frozenset[TeamId]) -> Recommendation:
        """Return what it says of ``teams``, for who may not know of the others."""
        tie = self.tie_break
        return msgspec.structs.replace(
            self,
            candidates=tuple(one for one in self.candidates if one.team_id in teams),
            fastest=self.fastest if self.fastest in teams else None,
            possible=tuple(one for one in self.possible if one.team_id in teams),
            near_misses=tuple(one for one in self.near_misses if one in teams),
            excluded=tuple(one for one in self.excluded if one.team_id in teams),
            tie_break=tie if tie and {tie.team_id, tie.instead_of} <= teams else None,
        )

    @property
    def first(self) -> Candidate | None:
        """The team to ask first; ``None`` = no valid team, or all of them were asked before."""
        best = self.candidates[0] if self.candidates else None
        return None if best is None or best.asked_before else best
