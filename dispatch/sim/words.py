"""Codes for the words of a county's spreadsheet: where calls come from, what they are about.

Decides which code a word means: the code itself, its label, what the user says it means, or a
common other word for it. Must not know what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crisis.codes import CodeSet
from dispatch.sheets.table import plain

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "911": "psap_911",
        "psap": "psap_911",
        "911_transfer": "psap_911",
        "988": "line_988",
        "988_lifeline": "line_988",
        "access_line": "county_line",
        "crisis_line": "county_line",
        "hotline": "county_line",
        "police": "law_enforcement_on_scene",
        "law_enforcement": "law_enforcement_on_scene",
        "sheriff": "law_enforcement_on_scene",
        "family": "family_friend",
        "friend": "family_friend",
        "parent": "family_friend",
        "client": "self",
        "school": "school_college",
        "hospital": "hospital_ed",
        "ed": "hospital_ed",
        "ems": "ems_fire",
        "fire": "ems_fire",
        "shelter": "shelter_outreach",
        "provider": "clinic_bh_provider",
        "clinic": "clinic_bh_provider",
        "bystander": "bystander_business",
        "business": "bystander_business",
    }
)
CONCERNS: Mapping[str, str] = MappingProxyType(
    {
        "suicide": "suicide_risk",
        "suicidal": "suicide_risk",
        "suicidality": "suicide_risk",
        "suicidal_ideation": "suicide_risk",
        "agitation": "psychosis",
        "paranoia": "psychosis",
        "disorganized": "psychosis",
        "anxiety": "anxiety_panic_trauma",
        "panic": "anxiety_panic_trauma",
        "trauma": "anxiety_panic_trauma",
        "substance": "intoxication_withdrawal",
        "substance_use": "intoxication_withdrawal",
        "intoxication": "intoxication_withdrawal",
        "overdose": "overdose_risk",
        "risk_of_harm": "harm_to_others",
        "welfare": "welfare_check",
        "needs_services": "other",
        "difficulty_functioning": "grave_disability",
        "child": "child_behavior",
        "family": "family_conflict",
        "grief": "grief_disaster",
    }
)


#: How a call ended → what a replay knows: responded, cancelled, unserved or no_dispatch.
OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("", "responded", "response", "served", "completed", "complete", "resolved"),
                *("closed", "arrived", "on_scene", "contacted", "contact_made", "stabilized"),
                *("transported", "stabilized_in_community", "gone_on_arrival", "goa", "utl"),
                *("unable_to_locate", "refused", "refused_services", "hold_5150", "5150"),
            ),
            "responded",
        ),
        **dict.fromkeys(
            (
                *("cancelled", "canceled", "cancel", "call_cancelled", "call_canceled"),
                *("cancelled_by_caller", "canceled_by_caller", "cancelled_en_route"),
                *("canceled_en_route", "cancelled_enroute", "canceled_enroute", "recalled"),
                *("disregard", "disregarded", "no_longer_needed", "caller_cancelled"),
                *("can", "canc", "cncl", "cxl", "cx"),
                *(
                    f"{cancelled}_{by}"
                    for cancelled in ("cancelled", "canceled", "cancel")
                    for by in (
                        *("by_rp", "by_pd", "by_le", "by_police", "by_law_enforcement", "by_ems"),
                        *("by_dispatch", "by_client", "by_family", "by_requestor", "by_requester"),
                        *(
                            "prior_to_arrival",
                            "before_arrival",
                            "on_the_way",
                            "per_rp",
                            "per_caller",
                        ),
                    )
                ),
            ),
            "cancelled",
        ),
        **dict.fromkeys(
            (
                *("unserved", "not_served", "no_team_available", "no_unit_available"),
                *("no_units_available", "unable_to_respond"),
            ),
            "unserved",
        ),
        **dict.fromkeys(
            (
                *("no_dispatch", "not_dispatched", "phone_only", "resolved_by_phone"),
                *("resolved_on_phone", "phone_resolution", "information_only", "info_only"),
                *("phone_support", "stabilized_by_phone"),
            ),
            "no_dispatch",
        ),
    }
)


class Words:
    """Finds the codes of one code set.

    Args:
        codes: the set in force.
        common: plain word → code.
        given: word → code, as the user says; wins over everything.

    Raises:
        ValueError: a given code is not in the set.
    """

    def __init__(self, codes: CodeSet, common: Mapping[str, str], given: Mapping[str, str]) -> None:
        unknown = sorted(code for code in given.values() if code not in codes)
        if unknown:
            known = ", ".join(code.code for code in codes)
            raise ValueError(f"{', '.join(unknown)} is no {codes.label.lower()}; one of: {known}")
        labels = {plain(code.label): code.code for code in codes}
        own = {code.code: code.code for code in codes}
        used = {word: code for word, code in common.items() if code in codes}
        said = {plain(word): code for word, code in given.items()}
        self._found = {**used, **labels, **own, **said}

    def code(self, text: str) -> str | None:
        """Return the code that a word means; ``None`` = it isn't known."""
        return self._found.get(plain(text))
