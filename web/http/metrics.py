"""What the node counts, in Prometheus' text form.

Decides names and how requests are counted. Every value is a number and every label a word of this
program: nothing that a person typed can come here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import is_dataclass

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from crisis.ids import CountyId
from dispatch.run.service import Service
from dispatch.run.supervise import Supervisor
from dispatch.store.pool import Database

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Upper edges of the classes of a request's duration, seconds.
_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Fields that go up and down; all others only go up.
_GAUGES = frozenset(
    {"sockets", "views", "slow", "waiting", "queued", "buffered", "open", "in_use", "tracked"}
)


class Requests:
    """Counts requests by operation and status, and how long they took."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._durations: dict[str, list[float]] = {}

    def note(self, operation: str, status: int, seconds: float) -> None:
        """Count one request that took ``seconds``."""
        key = (operation, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        row = self._durations.get(operation)
        if row is None:
            # One count per class, one beyond the last edge, and the sum.
            row = self._durations[operation] = [0.0] * (len(_EDGES) + 2)
        row[bisect_left(_EDGES, seconds)] += 1
        row[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the counts as metrics."""
        counted = CounterMetricFamily(
            "crisis_http_requests", "Requests answered.", labels=["operation", "status"]
        )
        for (operation, status), count in sorted(self._counts.items()):
            counted.add_metric([operation, str(status)], count)
        yield counted
        lasted = HistogramMetricFamily(
            "crisis_http_request_seconds", "How long requests took.", labels=["operation"]
        )
        for operation, row in sorted(self._durations.items()):
            total = 0.0
            buckets: list[tuple[str, float]] = []
            for edge, more in zip((*map(str, _EDGES), "+Inf"), row[:-1], strict=True):
                total += more
                buckets.append((edge, total))
            lasted.add_metric([operation], buckets, row[-1])
        yield lasted


class Metrics:
    """Reads what the node's parts have counted, at the moment of being asked.

    Args:
        counts: what each part has counted, by the part's name.
        overlooked: deadlines that nobody has seen to.
        supervisor: of the background work; ``None`` = there is none.
    """

    def __init__(
        self,
        service: Service,
        database: Database,
        counts: Mapping[str, Callable[[], object]],
        overlooked: Callable[[], Mapping[CountyId, Sized]] = dict,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.requests = Requests()
        self._service = service
        self._database = database
        self._counts = counts
        self._overlooked = overlooked
        self._supervisor = supervisor

    def exposition(self) -> bytes:
        """Return everything counted, as Prometheus reads it."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self.requests.collect()
        for part, count in self._counts.items():
            yield from _numbers(part, count())
        yield from self._boards()
        yield from self._background()
        yield from self._pools()

    def _boards(self) -> Iterator[Metric]:
        held = GaugeMetricFamily(
            "crisis_board_things", "Open things on a county's board.", labels=["county", "kind"]
        )
        seqs = GaugeMetricFamily("crisis_board_seq", "Head of a county's log.", labels=["county"])
        for runner in self._service.counties:
            board, county = runner.board, str(runner.county_id)
            seqs.add_metric([county], board.seq)
            for kind in ("calls", "incidents", "teams", "shifts", "duress", "obligations"):
                held.add_metric([county, kind], len(getattr(board, kind)))
        yield held
        yield seqs
        overlooked = GaugeMetricFamily(
            "crisis_overlooked", "Deadlines that nobody has seen to.", labels=["county"]
        )
        for county_id, found in sorted(self._overlooked().items()):
            overlooked.add_metric([str(county_id)], len(found))
        yield overlooked

    def _background(self) -> Iterator[Metric]:
        if self._supervisor is None:
            return
        failures = CounterMetricFamily(
            "crisis_background_failures", "Failures of background work.", labels=["work"]
        )
        failing = GaugeMetricFamily(
            "crisis_background_failing", "Background work that is down now.", labels=["work"]
        )
        down = self._supervisor.failing()
        for name, health in sorted(self._supervisor.health().items()):
            failures.add_metric([name], health.failures)
            failing.add_metric([name], float(name in down))
        yield failures
        yield failing

    def _pools(self) -> Iterator[Metric]:
        pools = GaugeMetricFamily(
            "crisis_database_connections", "Connections by role.", labels=["role", "state"]
        )
        for role, (in_use, is_open) in sorted(self._database.usage().items()):
            pools.add_metric([role, "in_use"], in_use)
            pools.add_metric([role, "open"], is_open)
        yield pools


def _numbers(part: str, stats: object) -> Iterator[Metric]:
    for name in _field_names(stats):
        value = getattr(stats, name)
        if not isinstance(value, int | float):
            continue
        text = f"{name.replace('_', ' ').capitalize()} of the {part}."
        if name in _GAUGES:
            yield GaugeMetricFamily(f"crisis_{part}_{name}", text, value=value)
        else:
            yield CounterMetricFamily(f"crisis_{part}_{name}", text, value=value)


def _field_names(stats: object) -> Iterable[str]:
    if isinstance(stats, msgspec.Struct):
        return stats.__struct_fields__
    if is_dataclass(stats):
        return list(stats.__dataclass_fields__)
    return ()
