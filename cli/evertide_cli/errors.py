"""What can go wrong before a request reaches the chain, and how every failure is printed.

    CliError                 exit code 1
    ├── UsageProblem         exit code 2: the words on the command line are wrong
    │   ├── ConfigProblem    a configuration file or an environment variable is wrong
    │   └── KeypairProblem   a file is not a Solana keypair file
    └── Unreachable          nothing answers at the RPC address

Errors of the SDK carry the numbers that were compared; they are printed with them, by duck typing, so that this
module imports nothing heavy.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class CliError(Exception):
    """A failure with a message of one line."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class UsageProblem(CliError):
    """The command line asks for something that cannot be."""

    exit_code = EXIT_USAGE


class ConfigProblem(UsageProblem):
    """A configuration value is wrong; names where it came from and the rule."""


class KeypairProblem(UsageProblem):
    """A keypair file is missing or is not one; names the file and the rule."""


class Unreachable(CliError):
    """Nothing answers at the RPC address."""


def one_line(text: str) -> str:
    """Fold a message onto one line."""
    return " ".join(str(text).split())


def plain(value: Any) -> Any:
    """A value that JSON can carry: integers stay integers, anything unknown becomes its text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value
    return str(value)


def describe(error: BaseException) -> dict[str, Any]:
    """The error as an object: `type`, `message`, and whatever numbers it carries."""
    body: dict[str, Any] = {"type": type(error).__name__, "message": one_line(str(error)) or type(error).__name__}
    for name in ("code", "name", "rule", "found", "bound", "left", "right", "instruction", "signature"):
        value = getattr(error, name, None)
        if value is not None and not callable(value):
            body[name] = plain(value)
    details = getattr(error, "details", None)
    for name, value in details.items() if isinstance(details, dict) else ():
        body.setdefault(name, plain(value))
    return body


def print_error(error: BaseException, *, as_json: bool, stream: TextIO) -> None:
    """One line on `stream`: prose, or the same as a JSON object."""
    body = describe(error)
    if as_json:
        print(json.dumps({"error": body}, sort_keys=True), file=stream)
    else:
        print(f"error: {body['message']}", file=stream)
