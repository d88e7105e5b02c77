"""Taking the backed part of a profit while a market's deficit is recorded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evertide import NothingBacked
from evertide._deficit import require_backed


def market(pool_atoms: int, deficit_atoms: int) -> Any:
    return SimpleNamespace(index=3, pool_atoms=pool_atoms, deficit_atoms=deficit_atoms)


def test_an_empty_pool_beside_a_deficit_is_refused_with_both_numbers() -> None:
    with pytest.raises(NothingBacked, match="pool of market 3 holds 0 atoms against a deficit of 7") as refused:
        require_backed(market(0, 7))
    assert (refused.value.found, refused.value.bound) == (0, 7)


@pytest.mark.parametrize(("pool_atoms", "deficit_atoms"), [(1, 7), (0, 0), (5, 0)])
def test_anything_in_the_pool_or_no_deficit_is_the_owners_choice(pool_atoms: int, deficit_atoms: int) -> None:
    require_backed(market(pool_atoms, deficit_atoms))
