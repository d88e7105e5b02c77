"""Keepers compile nothing in the middle of a step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# In a process of its own: kernels that other tests have compiled would hide those that the warm-up forgets.
SCRIPT = """
import sys
from numba.core.dispatcher import Dispatcher
import keeper_world as kw
from evertide_engine.warm_up import warm_up
from evertide_keepers import janitor, mark, matcher, settler, trigger
from evertide_keepers.memory import Memory
from evertide_keepers.settings import JanitorSettings, MarkSettings, MatcherSettings, SettlerSettings, TriggerSettings

def compiled():
    modules = [module for name, module in sys.modules.items() if name.startswith("evertide_engine")]
    return {f"{kernel.py_func.__module__}.{kernel.__name__}": len(kernel.signatures)
            for module in modules for kernel in vars(module).values() if isinstance(kernel, Dispatcher)}

assert warm_up() == 1
before = compiled()
world = kw.World.with_market()
world.trader(1, kw.user(number=1), {"flags": 1})
world.trader(2, kw.user(number=2), {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30})
state = world.state()
blocked = Memory()
blocked.note(["order:%s:1" % kw.address(1)], succeeded=False, now_ms=kw.NOW_MS)
matcher.plan(state, blocked, MatcherSettings())
assert matcher.plan(state, Memory(), MatcherSettings())
mark.plan(state, Memory(), MarkSettings())
settler.plan(state, Memory(), SettlerSettings())
trigger.plan(state, Memory(), TriggerSettings())
janitor.plan(state, Memory(), JanitorSettings())
after = compiled()
assert after == before, {name: count for name, count in after.items() if before.get(name) != count}
assert sum(after.values()) > 6
"""


def test_after_the_warm_up_no_step_compiles() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
