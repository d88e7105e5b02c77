"""Errors of the engine, each with what was compared.

EngineError
├── LayoutError    account bytes do not fit the layout they were read with
├── CapacityError  a fixed arena (orders, price levels) is full
├── OperationError the book refused an operation
├── StorageError   a snapshot or a journal cannot be read or written
└── ShapeError     arrays that belong together differ in length
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of everything the engine raises on purpose."""


class LayoutError(EngineError):
    """Account `row` of a batch cannot be read as `layout`: `rule` names why, `found` and `needed` are the values."""

    def __init__(self, layout: str, row: int, rule: str, found: object, needed: object) -> None:
        super().__init__(f"{layout} account {row}: {rule}: found {found}, needed {needed}")
        self.layout, self.row, self.rule, self.found, self.needed = layout, row, rule, found, needed


class CapacityError(EngineError):
    """An arena is full: `used` of `capacity` entries of `what`."""

    def __init__(self, what: str, used: int, capacity: int) -> None:
        super().__init__(f"{what} are full: {used} of {capacity} used")
        self.what, self.used, self.capacity = what, used, capacity


class OperationError(EngineError):
    """The book refused an operation of order `order_id` by `rule`: `found` and `needed` are the values compared."""

    def __init__(self, order_id: int, rule: str, found: object, needed: object) -> None:
        super().__init__(f"operation of order {order_id} refused, {rule}: found {found}, needed {needed}")
        self.order_id, self.rule, self.found, self.needed = order_id, rule, found, needed


class StorageError(EngineError):
    """A file of the book, `path`, breaks `rule`: `found` and `needed` are the values compared."""

    def __init__(self, path: object, rule: str, found: object, needed: object) -> None:
        super().__init__(f"{path}: {rule}: found {found}, needed {needed}")
        self.path, self.rule, self.found, self.needed = path, rule, found, needed


class ShapeError(EngineError):
    """`what` holds `found` entries where `needed` are needed."""

    def __init__(self, what: str, found: int, needed: int) -> None:
        super().__init__(f"{what}: found {found} entries, needed {needed}")
        self.what, self.found, self.needed = what, found, needed
