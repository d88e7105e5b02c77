"""From what a node says about a failed transaction to one typed error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ._errors import (
    ComputeExceeded,
    InstructionFailed,
    ProgramError,
    TransactionError,
    TransactionRefused,
)

# The program writes the value found and the bound before it returns an error that compares numbers.
_NUMBERS = re.compile(r"^Program log: evertide: (-?\d+) (-?\d+)$")
_FAILED = re.compile(r"^Program (\w+) failed: (.*)$")
_INVOKED = re.compile(r"^Program (\w+) invoke \[(\d+)\]$")
_RETURNED = re.compile(r"^Program return: (\w+) (\S*)$")
_BUDGET_WORDS = ("ComputationalBudgetExceeded", "exceeded CUs meter", "Computational budget exceeded")


def program_error(
    code: int,
    *,
    left: int | None = None,
    right: int | None = None,
    instruction_index: int | None = None,
    signature: str | None = None,
    logs: Sequence[str] = (),
) -> ProgramError | None:
    """The class of the program's error `code` with what it compared; None when the program has no such code."""
    from ._generated.errors import BY_CODE

    found = BY_CODE.get(code)
    if found is None:
        return None
    return found(left=left, right=right, instruction_index=instruction_index, signature=signature, logs=logs)


def compared_numbers(logs: Sequence[str]) -> tuple[int, int] | tuple[None, None]:
    """The last pair of numbers that the program logged: the value found and the bound."""
    for line in reversed(logs):
        if match := _NUMBERS.match(line):
            return int(match.group(1)), int(match.group(2))
    return None, None


def failed_program(logs: Sequence[str]) -> str | None:
    """Address of the innermost program that failed: the first failure line is the deepest."""
    for line in logs:
        if match := _FAILED.match(line):
            return match.group(1)
    return None


def failure(
    err: Any, logs: Sequence[str], *, program_id: str, signature: str | None = None, compute_limit: int | None = None
) -> TransactionError:
    """The typed error for the `err` of a simulation, a status or a transaction's meta."""
    logs = tuple(logs)
    if not (isinstance(err, dict) and isinstance(err.get("InstructionError"), list)):
        return TransactionRefused(_words(err), signature=signature, logs=logs)
    index, cause = err["InstructionError"]
    detail = _detail(cause, logs)
    if any(word in text for word in _BUDGET_WORDS for text in (detail, *logs)):
        return ComputeExceeded(compute_limit, signature=signature, logs=logs)
    code = int(cause["Custom"]) if isinstance(cause, dict) and "Custom" in cause else None
    if code is not None and failed_program(logs) in (None, program_id):
        left, right = compared_numbers(logs)
        error = program_error(
            code, left=left, right=right, instruction_index=int(index), signature=signature, logs=logs
        )
        if error is not None:
            return error
    return InstructionFailed(detail, instruction_index=int(index), code=code, signature=signature, logs=logs)


def _words(err: Any) -> str:
    if isinstance(err, dict) and len(err) == 1:
        name, inner = next(iter(err.items()))
        return f"{name} {inner}"
    return str(err)


def _detail(cause: Any, logs: Sequence[str]) -> str:
    """What failed, with the program's address and its last word where the logs have them."""
    text = f"custom program error {cause['Custom']}" if isinstance(cause, dict) and "Custom" in cause else _words(cause)
    program = failed_program(logs)
    for line in reversed(logs):
        if line.startswith("Program log: ") and ("rror" in line or "panicked" in line):
            text = f"{text} ({line.removeprefix('Program log: ')})"
            break
    return text if program is None else f"{text} in program {program}"
