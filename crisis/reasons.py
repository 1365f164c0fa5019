"""Why a team can't go, or should not be asked: the one vocabulary, and a reason in it.

Ranking, offer, shift start, arrival and crew change all speak it; what is said of a team in one
place is said in the same words in every other. Must not know who judges, nor of whom.
"""

from __future__ import annotations

from enum import StrEnum

from crisis.shapes import Value


class ReasonCode(StrEnum):
    """What speaks against a team; stable, stored in events and counted."""

    # Of the team itself: it isn't free, or the place isn't one for it.
    RETIRED = "retired"
    OFF_SHIFT = "off_shift"
    UNAVAILABLE = "unavailable"
    ENDING = "ending"
    BUSY_OFFER = "busy_offer"
    BUSY_RUN = "busy_run"
    LENT = "lent"
    IN_DURESS = "in_duress"
    OUTSIDE_ZONE = "outside_zone"
    NO_POSITION = "no_position"
    TOO_FAR = "too_far"
    # Soft ones: the team may be asked all the same.
    ZONE_NOT_LOADED = "zone_not_loaded"
    DECLINED_BEFORE = "declined_before"
    EXPIRED_BEFORE = "expired_before"
    SHIFT_ENDS_FIRST = "shift_ends_first"
    #: Of several incidents that wait, another one should get it.
    WANTED_ELSEWHERE = "wanted_elsewhere"
    # What its crew lacks.
    NOBODY_ON_SITE = "nobody_on_site"
    SECOND_MEMBER_MISSING = "second_member_missing"
    NO_NALOXONE_CARRIER = "no_naloxone_carrier"
    NO_ASSESSOR_ON_SITE = "no_assessor_on_site"
    NO_LPHA = "no_lpha"
    TOO_MANY_TELEHEALTH = "too_many_telehealth"
    TELEHEALTH_NOT_ALLOWED = "telehealth_not_allowed"
    TELEHEALTH_AUDIO_NOT_ALLOWED = "telehealth_audio_not_allowed"
    TELEHEALTH_DELAY_NOT_DETERMINED = "telehealth_delay_not_determined"
    TELEHEALTH_SAFETY_NOT_DETERMINED = "telehealth_safety_not_determined"
    TELEHEALTH_MEMBER_NOT_NAMED = "telehealth_member_not_named"
    TELEHEALTH_NOT_APPROVED = "telehealth_not_approved"
    LONE_NOT_ALLOWED = "lone_not_allowed"
    LONE_BARRED_NO_SOLO = "lone_barred_no_solo"
    LONE_BARRED_WEAPON = "lone_barred_weapon"
    LONE_BARRED_UNKNOWN_SCENE = "lone_barred_unknown_scene"
    HARD_NEED_UNMET = "hard_need_unmet"
    SOFT_NEED_UNMET = "soft_need_unmet"


#: What a crew may lack, whatever else its team is at.
OF_CREW = frozenset(tuple(ReasonCode)[tuple(ReasonCode).index(ReasonCode.NOBODY_ON_SITE) :])


class Cure(StrEnum):
    """What would mend what a crew lacks."""

    SECOND_ON_SITE = "second_on_site"
    TELEHEALTH_SECOND = "telehealth_second"
    CARRY_NALOXONE = "carry_naloxone"
    NALOXONE_TRAINED_MEMBER = "naloxone_trained_member"
    ASSESSOR = "assessor"
    LPHA_ON_CALL = "lpha_on_call"
    FEWER_TELEHEALTH = "fewer_telehealth"
    VIDEO = "video"
    DETERMINE_DELAY = "determine_delay"
    DETERMINE_SAFETY = "determine_safety"
    NAME_MEMBER = "name_member"
    APPROVAL = "approval"
    OTHER_TEAM = "other_team"


class Reason(Value, frozen=True, kw_only=True, gc=False):
    """One thing that speaks against a team.

    Attributes:
        sentence: for a dispatcher; never a name.
        hard: bars the team; a soft one only marks it or puts it after the others.
        subject: code of the need, hazard or unavailability, or the other incident's number.
        curable_by: what would mend it; ``None`` = only waiting, or nothing.
    """

    code: ReasonCode
    sentence: str
    hard: bool = True
    subject: str | None = None
    curable_by: Cure | None = None
