"""What the twin promises beyond its numbers: integers only, errors that say what was compared, documents."""

from __future__ import annotations

import ast
import doctest
import inspect
from decimal import Decimal
from pathlib import Path

import pytest
from twin import TWIN
from vectors import COMMITTED, VectorFile

from evertide import math

PUBLIC = [getattr(math, name) for name in math.__all__]


@pytest.mark.parametrize("value", [1.0, True, "1", Decimal(1), None])
def test_only_integers_are_taken(value: object) -> None:
    with pytest.raises(math.NotAnIntegerError, match="must be an int"):
        math.requirement(value, 250)  # type: ignore[arg-type]
    with pytest.raises(math.NotAnIntegerError, match="must be an int"):
        math.Holding(value, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(set(TWIN) - {"is_allowed"}))
def test_a_float_anywhere_is_refused(name: str) -> None:
    """F-24: each argument of a good vector in turn becomes a float of the same value; none may slip through."""
    vector = next(
        vector
        for vector in VectorFile(COMMITTED)
        if vector.function == name and vector.error == 0 and all(-(2**50) < value < 2**50 for value in vector.inputs)
    )
    for position, value in enumerate(vector.inputs):
        inputs: list[int | float] = [*vector.inputs]
        inputs[position] = float(value)
        if (name, position) in FLAGS or value == -1:
            continue
        with pytest.raises((TypeError, AttributeError, ValueError, math.MathError)):
            TWIN[name](*inputs)


# Places where the adapter of the vector turns a number into a flag, an enum or a key before the twin sees it.
FLAGS = {
    ("deleverage", 2),
    ("normalise", 4),
    ("price_per_lot", 4),
    ("collateral_price", 3),
    ("liquidation_amount", 8),
    ("margin_ratio", 12),
    ("position_margin", 20),
}


def test_an_error_names_the_rule_and_both_values() -> None:
    with pytest.raises(math.OutOfRangeError) as raised:
        math.fill_notional(2**40 + 1, 1, 1)
    assert raised.value.values == {"value": 2**40 + 1, "low": -(2**40), "high": 2**40}
    assert "size_lots" in str(raised.value) and str(2**40) in str(raised.value)


def test_errors_are_one_tree_with_distinct_codes() -> None:
    kinds = math.MathError.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 8
    assert issubclass(math.MathError, ArithmeticError)


@pytest.mark.parametrize("member", PUBLIC, ids=lambda member: member.__name__)
def test_every_public_name_is_documented(member: object) -> None:
    assert (inspect.getdoc(member) or "").strip()


def test_the_examples_in_the_documents_run() -> None:
    failed, run = doctest.testmod(math)
    assert (failed, run > 0) == (0, True)


def test_no_module_of_the_twin_computes_in_floating_point() -> None:
    folder = Path(math.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Div), f"{path.name} divides with /"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path.name} holds a float"
