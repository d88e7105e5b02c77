"""One conservation check, with both its sides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`left` is from the chain over RPC, `right` from events; both in `unit`."""

    name: str
    left_name: str
    left: int
    right_name: str
    right: int
    unit: str

    @property
    def held(self) -> bool:
        """Whether both sides are equal."""
        return self.left == self.right
