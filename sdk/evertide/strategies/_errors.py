"""What is wrong with a strategy, before anything is sent.

UsageError
├── IntentInvalid                  a strategy asked for an order that cannot be (.field, .found, .rule)
├── SettingInvalid                 a setting of a strategy or of its run (.setting, .found, .rule)
└── UnknownStrategy                no strategy of that name (.found, .known)
"""

from __future__ import annotations

from collections.abc import Sequence

from evertide._errors import UsageError


class IntentInvalid(UsageError):
    """A strategy asked for something that is no order; nothing of its answer is sent."""

    def __init__(self, field: str, found: object, rule: str) -> None:
        super().__init__(f"{field} must be {rule}, found {found!r}")
        self.field = field
        self.found = found
        self.rule = rule


class SettingInvalid(UsageError):
    """A setting is unknown, missing, of another type or out of its range."""

    def __init__(self, setting: str, found: object, rule: str) -> None:
        super().__init__(f"{setting} must be {rule}, found {found if not isinstance(found, str) else repr(found)}")
        self.setting = setting
        self.found = found
        self.rule = rule


class UnknownStrategy(UsageError):
    """No strategy has that name."""

    def __init__(self, found: str, known: Sequence[str]) -> None:
        super().__init__(f"strategy {found!r} is none of {', '.join(known)}")
        self.found = found
        self.known = tuple(known)
