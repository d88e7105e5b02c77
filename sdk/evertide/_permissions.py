"""What a delegate may do."""

from __future__ import annotations

from enum import IntFlag

from ._generated import constants


class Permission(IntFlag):
    """Bits of `User.delegate_permissions`. None of them lets tokens out of the exchange."""

    PLACE = constants.PERMISSION_PLACE
    CANCEL = constants.PERMISSION_CANCEL
    #: Liquidates for the account, and earns keepers' rewards for it: both may take a position slot.
    LIQUIDATE = constants.PERMISSION_LIQUIDATE
    #: Moves balances to another sub-account of the same authority.
    TRANSFER = constants.PERMISSION_TRANSFER
