"""F-20: a keeper dies at every await there is, and another life finishes its work, once."""

from __future__ import annotations

import pytest
from stage import RESTART_S, Stage

WHOLE_S = 60.0


def prepared() -> tuple[Stage, object]:
    stage = Stage(seed=3, keepers=("matcher",))
    return stage, stage.crossing()[1]


def steps_of_a_whole_life() -> int:
    """Steps from the start to the fill, where nothing goes wrong."""
    stage, taker = prepared()
    stage.live(WHOLE_S, script=lambda: stage.until_filled(taker))
    assert stage.filled(taker) == 30
    return stage.steps


@pytest.mark.slow
def test_a_death_at_every_await_leaves_the_work_done_once() -> None:
    """F-20: killed at each step of a whole life, the second life ends with the same fill."""
    steps = steps_of_a_whole_life()
    assert steps > 100
    before = 0
    for step in range(1, steps + 1):
        stage, taker = prepared()
        assert not stage.live(WHOLE_S, kill_at=step), step
        stage.chain.advance()
        before += stage.filled(taker) == 30
        stage.now_s += RESTART_S
        stage.live(WHOLE_S, script=lambda stage=stage, taker=taker: stage.until_filled(taker))
        # Whatever was still on its way lands, or expires.
        stage.now_s += 120
        assert stage.filled(taker) == 30, f"killed at step {step}"
        stage.judge()
    # Some deaths came after the work was done, and most before.
    assert 0 < before < steps


def test_many_deaths_in_a_row_leave_the_work_done_once() -> None:
    """F-20: lives that are too short to finish anything, and one that is not."""
    for seed in range(12):
        stage, taker = prepared()
        for life in range(6):
            stage.live(WHOLE_S, kill_at=10 + (seed * 37 + life * 61) % 140)
            stage.now_s += RESTART_S
        stage.live(WHOLE_S, script=lambda stage=stage, taker=taker: stage.until_filled(taker))
        stage.now_s += 120
        assert stage.filled(taker) == 30
        assert stage.starts == 7
        stage.judge()
