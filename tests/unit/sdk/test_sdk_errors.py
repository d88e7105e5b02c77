"""The tree of errors, and from what a node says to one of them."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from evertide import _errors, program_error
from evertide._failure import failure
from evertide._generated.errors import BY_CODE
from evertide._resources import idl_path
from evertide.errors import (
    ComputeExceeded,
    EvertideError,
    InitialMarginTooLow,
    InstructionFailed,
    MarginError,
    ProgramError,
    TransactionRefused,
)

OURS = "33482aS1pZC5YetQmAV25wGs6FXmgwXtxLJ5MCqSrjfF"
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"


def logs(*lines: str, code: int) -> list[str]:
    return [
        f"Program {OURS} invoke [1]",
        *lines,
        f"Program {OURS} consumed 900 of 200000 compute units",
        f"Program {OURS} failed: custom program error: {code:#x}",
    ]


def custom(code: int, index: int = 2) -> dict[str, object]:
    return {"InstructionError": [index, {"Custom": code}]}


def test_every_error_of_the_program_has_its_class() -> None:
    known = {entry["code"]: entry for entry in json.loads(idl_path().read_text())["errors"]}
    assert set(known) == set(BY_CODE)
    for code, cls in BY_CODE.items():
        assert cls.__name__ == known[code]["name"]
        assert (code, known[code]["msg"]) == (cls.CODE, cls.RULE)
        assert issubclass(cls, ProgramError)
        assert cls.__mro__[1] is not ProgramError, "each stands under the class of its block"


def test_the_drawn_tree_is_the_real_tree() -> None:
    drawn = {}
    parents: list[str] = []
    for line in (_errors.__doc__ or "").splitlines():
        match = re.match(r"^([ │├└─]*)(\w+)(?=\s|$)", line)
        if match is None or not hasattr(_errors, match.group(2)):
            continue
        depth = len(match.group(1)) // 4
        parents[depth:] = [match.group(2)]
        drawn[match.group(2)] = parents[depth - 1] if depth else None
    assert drawn.pop("EvertideError") is None
    real = {
        name: cls.__bases__[0].__name__
        for name, cls in inspect.getmembers(_errors, inspect.isclass)
        if issubclass(cls, EvertideError) and cls is not EvertideError
    }
    assert drawn == real


def test_a_program_error_carries_the_numbers_compared() -> None:
    lines = logs("Program log: evertide: 1 2", "Program log: evertide: -250 1000", code=6300)
    error = failure(custom(6300), lines, program_id=OURS, signature="sig")
    assert isinstance(error, InitialMarginTooLow)
    assert isinstance(error, MarginError)
    assert (error.code, error.left, error.right) == (6300, -250, 1000)
    assert (error.instruction_index, error.signature) == (2, "sig")
    assert str(error) == f"InitialMarginTooLow 6300: {error.rule} (-250 against 1000)"
    assert "\n" not in str(error)


def test_a_program_error_without_numbers() -> None:
    error = failure(custom(6300), logs(code=6300), program_id=OURS)
    assert isinstance(error, InitialMarginTooLow)
    assert (error.left, error.right) == (None, None)


def test_a_log_line_of_another_kind_is_not_taken_for_numbers() -> None:
    error = failure(custom(6300), logs("Program log: evertide: 1 2 3", code=6300), program_id=OURS)
    assert isinstance(error, ProgramError)
    assert error.left is None


def test_the_same_code_from_another_program_is_not_ours() -> None:
    lines = [
        f"Program {OURS} invoke [1]",
        f"Program {TOKEN} invoke [2]",
        f"Program {TOKEN} failed: custom program error: 0x1",
    ]
    error = failure(custom(1), [*lines, f"Program {OURS} failed: custom program error: 0x1"], program_id=OURS)
    assert isinstance(error, InstructionFailed)
    assert TOKEN in error.detail
    assert error.code == 1
    other = failure(custom(6300), [f"Program {TOKEN} failed: custom program error: 0x189c"], program_id=OURS)
    assert isinstance(other, InstructionFailed)


@pytest.mark.parametrize(
    ("err", "lines"),
    [
        ({"InstructionError": [0, "ComputationalBudgetExceeded"]}, []),
        (
            {"InstructionError": [0, "ProgramFailedToComplete"]},
            ["Program x failed: exceeded CUs meter at BPF instruction"],
        ),
    ],
)
def test_a_spent_compute_limit(err: object, lines: list[str]) -> None:
    error = failure(err, lines, program_id=OURS, compute_limit=5_000)
    assert isinstance(error, ComputeExceeded)
    assert error.limit == 5_000


def test_what_the_runtime_refuses() -> None:
    assert isinstance(failure("AccountNotFound", [], program_id=OURS), TransactionRefused)
    rent = failure({"InsufficientFundsForRent": {"account_index": 1}}, [], program_id=OURS)
    assert isinstance(rent, TransactionRefused)
    assert "InsufficientFundsForRent" in str(rent)
    owner = failure({"InstructionError": [1, "InvalidAccountOwner"]}, [], program_id=OURS)
    assert isinstance(owner, InstructionFailed)
    assert owner.instruction_index == 1


def test_an_unknown_code_is_no_program_error() -> None:
    assert program_error(1) is None
    assert isinstance(failure(custom(5999), logs(code=5999), program_id=OURS), InstructionFailed)
