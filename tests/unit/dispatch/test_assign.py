"""Many incidents and few teams: who gets whom, by class, deadline and wait."""

from __future__ import annotations

from itertools import permutations
from math import inf
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.ids import IncidentId, SlotNo, TeamId
from crisis.triage import Acuity
from dispatch.choose.assign import Layer, Wanted, assign, cheapest

A, B, C = (TeamId(UUID(int=n)) for n in (1, 2, 3))


def wanted(number: int, acuity: Acuity = Acuity.URGENT, /, **fields: object) -> Wanted:
    """A slot that has waited a minute; costs in minutes as ``a=``, ``b=``, ``c=``."""
    costs = {t: float(str(fields.pop(k))) * 60 for k, t in zip("abc", (A, B, C)) if k in fields}  # noqa: B905
    settings: dict[str, object] = {"waited_s": 60.0, "cap_s": 2_700.0, "in_time": frozenset(costs)}
    return Wanted(
        incident_id=IncidentId(UUID(int=100 + number)),
        slot=SlotNo(1),
        acuity=acuity,
        costs=costs,
        **{**settings, **fields},  # type: ignore[arg-type]
    )


def served(*queue: Wanted) -> dict[int, TeamId]:
    """Who gets whom, by the incidents' numbers."""
    return {incident.int - 100: team for (incident, _), team in assign(queue).items()}


def test_one_slot_alone_gets_its_best() -> None:
    assert served(wanted(1, a=9, b=4, c=6)) == {1: B}
    assert served(wanted(1)) == {}
    assert served() == {}


def test_two_of_a_class_share_the_teams_so_that_both_drives_are_short_together() -> None:
    # Each alone would take A; and whoever comes second would wait an hour.
    assert served(wanted(1, a=5, b=6), wanted(2, a=6, b=60)) == {1: B, 2: A}


def test_a_more_pressing_class_gets_its_best_whatever_that_costs_the_others() -> None:
    urgent = wanted(1, a=1, waited_s=2_600)
    assert served(urgent, wanted(2, Acuity.EMERGENT, a=30)) == {2: A}
    assert served(urgent, wanted(2, Acuity.EMERGENT, a=30, b=31)) == {2: A}


def test_within_a_class_who_waited_past_the_cap_goes_first_but_not_before_a_higher_class() -> None:
    starving = wanted(1, a=50, waited_s=2_700, in_time=frozenset())
    assert starving.layer is Layer.STARVING
    assert served(wanted(2, a=5), starving) == {1: A}
    assert served(wanted(2, Acuity.EMERGENT, a=5), starving) == {2: A}


def test_a_deadline_that_can_be_kept_goes_before_one_that_is_lost() -> None:
    lost = wanted(1, a=2, waited_s=600, in_time=frozenset())
    assert served(lost, wanted(2, a=20)) == {2: A}


def test_where_not_all_can_be_served_the_longest_wait_is() -> None:
    assert served(wanted(1, a=5), wanted(2, a=5, waited_s=900)) == {2: A}


def test_as_many_as_possible_get_a_team_before_any_drive_is_short() -> None:
    assert served(wanted(1, a=1, b=50), wanted(2, a=1)) == {1: B, 2: A}


@pytest.mark.parametrize("layer", [Layer.SAVABLE, Layer.REST])
def test_two_slots_of_one_incident_get_two_teams(layer: Layer) -> None:
    in_time = frozenset({A, B}) if layer is Layer.SAVABLE else frozenset()
    one = wanted(1, a=3, b=4, in_time=in_time)
    other = Wanted(
        incident_id=one.incident_id,
        slot=SlotNo(2),
        acuity=one.acuity,
        waited_s=60,
        cap_s=2_700,
        costs=one.costs,
        in_time=in_time,
    )
    assert set(assign([one, other]).values()) == {A, B}


costs = st.dictionaries(
    st.sampled_from([TeamId(UUID(int=n)) for n in range(1, 5)]),
    st.integers(min_value=0, max_value=7_200).map(float),
    max_size=4,
)


@st.composite
def queues(draw: st.DrawFn) -> list[Wanted]:
    """Up to five slots and four teams."""
    return [
        Wanted(
            incident_id=IncidentId(UUID(int=100 + number)),
            slot=SlotNo(1),
            acuity=draw(st.sampled_from(Acuity)),
            waited_s=draw(st.integers(0, 4_000)),
            cap_s=3_000,
            costs=(mine := draw(costs)),
            in_time=frozenset(team for team, cost in mine.items() if cost < 3_600),
        )
        for number in range(draw(st.integers(0, 5)))
    ]


@given(queues())
def test_nobody_is_sent_twice_or_where_they_may_not_go(queue: list[Wanted]) -> None:
    given_ = assign(queue)
    assert len(set(given_.values())) == len(given_)
    by_place = {(w.incident_id, w.slot): w for w in queue}
    assert all(team in by_place[place].costs for place, team in given_.items())
    idle = {team for w in queue for team in w.costs} - set(given_.values())
    for place, w in by_place.items():
        assert place in given_ or not idle & w.costs.keys(), "a team is idle and a slot unserved"


@given(queues(), st.randoms(use_true_random=False))
def test_the_order_of_the_queue_does_not_matter(queue: list[Wanted], chance: object) -> None:
    mixed = list(queue)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert assign(mixed) == assign(queue)


@given(queues())
def test_a_less_pressing_class_takes_nothing_from_a_more_pressing_one(queue: list[Wanted]) -> None:
    first = [w for w in queue if w.acuity is Acuity.EMERGENT]
    alone, together = assign(first), assign(queue)
    assert {place: together.get(place) for place in alone} == alone
    assert {w.incident_id for w in first} - {i for i, _ in alone} <= {
        w.incident_id for w in queue
    } - {i for i, _ in together}


@given(
    st.lists(
        st.lists(st.one_of(st.just(inf), st.integers(0, 50).map(float)), min_size=4, max_size=4),
        max_size=4,
    )
)
def test_the_sum_of_costs_is_the_least_there_is(rows: list[list[float]]) -> None:
    # One dear column for each row, so that every row can have one of its own.
    rows = [row + [1_000.0 + number] * len(rows) for number, row in enumerate(rows)]
    found = cheapest(rows)
    assert len(set(found)) == len(rows)
    width = len(rows[0]) if rows else 0
    least = min(
        (
            sum(row[column] for row, column in zip(rows, choice, strict=True))
            for choice in permutations(range(width), len(rows))
        ),
        default=0.0,
    )
    assert sum(row[column] for row, column in zip(rows, found, strict=True)) == least
