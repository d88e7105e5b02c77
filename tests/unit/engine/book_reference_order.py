"""An order of the plain book."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Resting:
    """One resting order; `turn` orders those of equal price. `price` None: a pegged order outside the book."""

    order_id: int
    side: int
    owner: int
    price: int | None
    lots: int
    expiry_ms: int
    reduce_only: int
    time_in_force: int
    self_trade: int
    placed_ms: int
    turn: int
    kind: str = "plain"
    hidden: int = 0
    display: int = 0
    offset: int = 0
    limit: int = 0

    @property
    def open(self) -> int:
        return self.lots + self.hidden

    @property
    def parts(self) -> int:
        return 1 + (-(-self.hidden // self.display) if self.kind == "iceberg" else 0)
