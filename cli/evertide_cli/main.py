"""Entry point of `evertide`: global options, exit codes and the printing of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from .errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, CliError, UsageProblem, print_error

VALUE_OPTIONS = {
    "--rpc-url": "rpc_url",
    "--ws-url": "ws_url",
    "--keypair": "keypair",
    "--commitment": "commitment",
    "--sub-id": "sub_id",
    "--priority-fee-micro-lamports": "priority_fee_micro_lamports",
    "--timeout-ms": "timeout_ms",
    "--config": "config",
    "--export-unsigned": "export_unsigned",
    "--acting-as": "acting_as",
}
FLAG_OPTIONS = {"--json": "as_json", "--dry-run": "dry_run"}


def split_global_options(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Take the global options out, wherever they stand before `--`; the rest goes to the command."""
    flags: dict[str, Any] = {}
    rest: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            rest.extend(words[position:])
            break
        name, separator, value = word.partition("=")
        if name in FLAG_OPTIONS and not separator:
            flags[FLAG_OPTIONS[name]] = True
        elif name in VALUE_OPTIONS:
            if not separator:
                position += 1
                if position >= len(words):
                    raise UsageProblem(f"option {name} needs a value")
                value = words[position]
            flags[VALUE_OPTIONS[name]] = value
        else:
            rest.append(word)
        position += 1
    return flags, rest


def exit_code_of(error: BaseException) -> int:
    """2 for words that cannot be meant, 1 for everything else."""
    if isinstance(error, CliError):
        return error.exit_code
    # A keeper's configuration, chain or program that is wrong.
    if isinstance(given := getattr(error, "exit_code", None), int):
        return given
    sdk = sys.modules.get("evertide")
    usage = getattr(sdk, "UsageError", None) if sdk is not None else None
    if isinstance(usage, type) and isinstance(error, usage):
        return EXIT_USAGE
    return EXIT_FAILURE


def run(words: Sequence[str]) -> int:
    """Run one command line; every failure has been printed on stderr when this returns."""
    as_json = "--json" in words
    try:
        flags, rest = split_global_options(words)
        from .app import invoke

        return invoke(flags, rest)
    except KeyboardInterrupt:
        print_error(CliError("interrupted"), as_json=as_json, stream=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except Exception as error:
        if os.environ.get("EVERTIDE_DEBUG"):
            raise
        print_error(error, as_json=as_json, stream=sys.stderr)
        return exit_code_of(error)


def main() -> None:
    """Console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
