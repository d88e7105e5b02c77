"""`scripts/soak` in the project's Python: seconds, seed, file of the report or nothing, folder to keep or nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import soak_report
from soak_report import Outcome
from soak_run import run


def main(seconds: str, seed: str, json_file: str, keep: str) -> int:
    """Run, tell, and 0 when everything held."""

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    # The servers of proxies speak of every connection that a killed process left: that is what is wanted here.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    say(f"soak of {seconds} s, seed {seed}")

    async def until_told() -> Outcome:
        """A soak that is told to end takes its keepers and its validator with it."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)  # type: ignore[union-attr]
        return await run(int(seed), int(seconds), say, Path(keep) if keep else None)

    try:
        outcome = asyncio.run(until_told())
    except asyncio.CancelledError:
        say("ended by SIGTERM")
        return 1
    soak_report.tell(outcome)
    if json_file:
        soak_report.write_json(Path(json_file), outcome)
    return 0 if outcome.held else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
