"""`python -m evertide_cli.quickstart`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from evertide_cli.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, UsageProblem, print_error
from evertide_cli.main import exit_code_of

from . import report, tape
from .life import INTERVAL_LEAST_MS

DEFAULT_BARS = 19


class Parser(argparse.ArgumentParser):
    """Usage errors as one line through the package's own printer."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a page."""
        raise UsageProblem(f"{message} (see {self.prog} --help)")


def whole(text: str) -> int:
    """A whole number of the command line."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, found {text!r}")
    return int(text)


def parser() -> Parser:
    """The command line."""
    made = Parser(prog="quickstart", description="Run a market's whole life on a local validator, and check every sum.")
    made.add_argument(
        "--tape", type=Path, metavar="FILE", help="bars as .csv or .csv.gz; default: the seeded generator"
    )
    made.add_argument("--from", dest="start", metavar="T", help="first bar's time, such as 2022-01-20T22:53 (UTC)")
    made.add_argument(
        "--bars", type=whole, metavar="N", default=DEFAULT_BARS, help="number of bars (default: %(default)s)"
    )
    made.add_argument(
        "--interval-minutes",
        type=whole,
        metavar="N",
        help="merge the tape's bars to bars of N minutes (default: as is)",
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the summary as JSON")
    made.add_argument("--keep", action="store_true", help="leave the network up for the command line")
    made.add_argument(
        "--deploy-by-writes",
        action="store_true",
        help="send the program to the loader's buffer a kilobyte a transaction, as on any cluster: two minutes more",
    )
    made.add_argument("--seed", type=whole, default=tape.DEFAULT_SEED, help="seed of tape and traders")
    return made


def run(words: Sequence[str]) -> int:
    """Run; 0 only if every check held and, on the default tape, all of the way down happened."""
    try:
        chosen = parser().parse_args(list(words))
        if chosen.json is not None and not chosen.json.resolve().parent.is_dir():
            raise UsageProblem(f"--json {chosen.json}: its folder does not exist")
        loaded = tape.load(chosen.tape, chosen.start, chosen.bars, chosen.seed, chosen.interval_minutes)
        if loaded.interval_ms < INTERVAL_LEAST_MS:
            least_s, found_s = INTERVAL_LEAST_MS // 1000, loaded.interval_ms // 1000
            raise tape.TapeProblem(f"{loaded.source}: bars must be at least {least_s} s apart, found {found_s} s")
        return live(chosen, loaded)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BaseExceptionGroup as group:
        return told(first_of(group))
    except Exception as error:
        return told(error)


def live(chosen: Any, loaded: tape.Tape) -> int:
    """The run itself, then its summary."""
    from .run import Plan
    from .run import run as whole_run

    story = report.Story()
    default = tape.load(None, None, DEFAULT_BARS, tape.DEFAULT_SEED)
    plan = Plan(
        loaded, chosen.seed, chosen.keep, loaded == default, chosen.deploy_by_writes, rpc_port=8899, ws_port=8900
    )
    outcome = asyncio.run(whole_run(plan, story))
    report.print_summary(outcome)
    if chosen.json is not None:
        report.write_json(chosen.json, outcome)
    if chosen.keep:
        story.say("the network stays up: try `evertide market list`, and `evertide localnet down` when done")
    return 0 if outcome.held else EXIT_FAILURE


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single error inside a group of them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def told(error: BaseException) -> int:
    """Print an error in one line and give its exit code."""
    if os.environ.get("EVERTIDE_DEBUG"):
        raise error
    print_error(error, as_json=False, stream=sys.stderr)
    return EXIT_USAGE if exit_code_of(error) == EXIT_USAGE else EXIT_FAILURE


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
