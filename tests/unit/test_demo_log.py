"""What a demonstration's log says of its faults."""

from __future__ import annotations

from pathlib import Path

from web.cli.demo import _faults_in


def test_a_kept_demonstration_counts_only_what_this_run_logged(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    log.write_text('{"level":"error","event":"before"}\n', encoding="utf-8")
    began = log.stat().st_size
    with log.open("a", encoding="utf-8") as lines:
        lines.write('{"level":"warning","event":"now"}\n{"level":"info","event":"fine"}\ntorn')
    assert _faults_in(log, began) == {"log: now": 1}
