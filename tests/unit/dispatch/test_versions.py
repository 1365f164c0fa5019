"""What a version of the fold, or of what views show, once made of a log, it makes for ever."""

from __future__ import annotations

import pytest

from crisis.events import REGISTRY, type_of
from tests.unit.dispatch import golden

LOGS = golden.kept()
ADD = "run python -m tests.unit.dispatch.golden"


def test_the_kept_logs_hold_every_kind_of_event() -> None:
    held = {type_of(event.body) for log in LOGS for event in log}
    assert held == REGISTRY.keys(), ADD


@pytest.mark.parametrize("what", golden.VERSIONS)
def test_the_same_version_makes_the_same_of_a_kept_log(what: str) -> None:
    name = f"{what} {golden.VERSIONS[what]}"
    made, known = golden.digests(LOGS)[name], golden.known().get(name, [])
    assert len(known) == len(LOGS), f"digests are missing: {ADD}"
    changed = [
        number for number, pair in enumerate(zip(made, known, strict=True)) if len({*pair}) > 1
    ]
    assert not changed, (
        f"the {what} of kept logs {changed} has changed: what nodes and databases hold under "
        f"version {golden.VERSIONS[what]} would be taken for this. Raise the version, then {ADD}"
    )


def test_a_changed_fold_or_view_would_be_seen() -> None:
    """The check itself: one event less, and both digests are others."""
    log = max(LOGS, key=len)
    assert golden.folded(log) != golden.folded(log[:-1])
    assert golden.projected(log) != golden.projected(log[: len(log) // 2])
