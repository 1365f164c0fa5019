"""The rules in force in a county at an instant, as one value: policy, codes, standards, areas.

Must not know where they are kept, nor who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

import msgspec

from crisis.codes import CodeSets
from crisis.policy import CountyPolicy
from crisis.shapes import Value
from crisis.standards import Standards, local_day
from geo.zone import AreaMap


class Rules(Value, frozen=True, kw_only=True):
    """What is in force in a county at an instant.

    Attributes:
        policy: the newest in force, for whatever begins now.
        policies: every version there ever was, by its name: what has begun runs on under its own.
        codes: the code sets of the day, with the county's own changes.
        areas: the county's class and the finer polygons that it has loaded.
        day: the local day that codes and areas are of; ``None`` = of any.
        of_day: the codes and areas of another day; ``None`` = they are the same on every day.
        lpha_reachable: whether a licensed professional can be reached by any crew now.
    """

    policy: CountyPolicy
    codes: CodeSets
    standards: Standards
    areas: AreaMap
    policies: Mapping[str, CountyPolicy] = {}
    lpha_reachable: bool = True
    day: date | None = None
    of_day: Callable[[date], tuple[CodeSets, AreaMap]] | None = None

    def at(self, instant: datetime) -> Rules:
        """Return these rules with the code sets and areas that were in force at ``instant``.

        The policy stays: what has begun runs on under its own. Standards hold all days' facts.
        """
        on = local_day(instant, self.policy.tz())
        if self.of_day is None or on == self.day:
            return self
        codes, areas = self.of_day(on)
        return msgspec.structs.replace(self, codes=codes, areas=areas, day=on)

    def policy_of(self, version: str) -> CountyPolicy:
        """Return the policy of that version; one that nobody knows (any more) = the newest."""
        return self.policies.get(version, self.policy)

    def under(self, version: str) -> Rules:
        """Return these rules with the policy of that version in force."""
        policy = self.policy_of(version)
        if policy is self.policy:
            return self
        return msgspec.structs.replace(self, policy=policy)
