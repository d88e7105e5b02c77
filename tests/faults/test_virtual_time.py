"""Time that is made up: order, jumps, deadlocks, deaths, and that equal seeds give equal worlds."""

from __future__ import annotations

import asyncio

import pytest
from virtual_loop import Deadlock, Killed, VirtualLoop, run


def test_hours_pass_at_once_and_timers_keep_their_order() -> None:
    loop, seen = VirtualLoop(), []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((seconds, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(*(wait(seconds) for seconds in (7_200.0, 0.1, 3_600.0)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()

    run(main(), loop)
    assert seen == [(0.1, 0.1), (3_600.0, 3_600.0), (7_200.0, 7_200.0)]
    assert loop.time() == 7_205.0
    loop.close()


def test_what_nobody_will_ever_wake_is_a_deadlock() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main(), loop)


def test_a_thread_is_no_thread_and_its_error_arrives() -> None:
    loop = VirtualLoop()

    async def main() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 7)

    assert run(main(), loop) == 7
    loop.close()


def test_a_death_at_each_step_runs_what_came_before_and_nothing_after() -> None:
    async def main(done: list[int]) -> None:
        for number in range(5):
            done.append(number)
            await asyncio.sleep(1)

    whole = VirtualLoop()
    run(main([]), whole)
    lengths = []
    for step in range(1, whole.steps + 1):
        done: list[int] = []
        with pytest.raises(Killed):
            run(main(done), VirtualLoop(kill_at=step))
        lengths.append(len(done))
    assert lengths == sorted(lengths) and set(lengths) == {0, 1, 2, 3, 4, 5}
    whole.close()
