"""The client's methods for roles, keepers and views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from . import instructions as build
from ._client_base import Writing
from ._deficit import require_backed
from ._errors import AccountMismatch
from ._generated.types import (
    CollateralTerms,
    ExchangeTerms,
    HealthView,
    LocalPrice,
    MarketTerms,
    MarketView,
)
from ._outcome import Confirmed, Simulation
from ._pda import associated_token_address
from ._units import Exact, usdc_to_atoms
from ._wire import Wire

View = TypeVar("View", bound=Wire)
OrderRef = tuple[Pubkey, int]


class KeeperWrites(Writing):
    """Methods of roles and keepers, and the views."""

    async def initialize_exchange(
        self, *, local: bool, terms: ExchangeTerms, roles: Sequence[Pubkey], authority: Keypair | None = None
    ) -> Confirmed:
        """Create the exchange; the authority is the program's upgrade authority, the genesis hash the node's."""
        who, keys = self._who(authority)
        step = build.initialize_exchange(
            authority=who,
            local=local,
            terms=terms,
            roles=roles,
            genesis_hash=await self.rpc.get_genesis_hash(),
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def list_collateral(
        self, mint: Pubkey, terms: CollateralTerms, *, change: int | None = None, root: Keypair | None = None
    ) -> Confirmed:
        """List the next deposit asset; after opening with the number of the change that allows it."""
        who, keys = self._who(root)
        index = (await self.exchange()).collateral_count
        step = build.list_collateral(
            root=who, index=index, mint=mint, terms=terms, change=change, program_id=self.program_id
        )
        return await self.send([step], signers=keys)

    async def list_market(
        self, terms: MarketTerms, *, change: int | None = None, root: Keypair | None = None
    ) -> Confirmed:
        """List the next market; after opening with the number of the change that allows it."""
        who, keys = self._who(root)
        index = (await self.exchange()).market_count
        step = build.list_market(root=who, index=index, terms=terms, change=change, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def open_exchange(self, *, timelock: Pubkey | None = None, root: Keypair | None = None) -> Confirmed:
        """End the bootstrap; cannot be undone."""
        who, keys = self._who(root)
        step = build.open_exchange(root=who, timelock=timelock, program_id=self.program_id)
        return await self.send([step], signers=keys)

    async def fund_insurance(
        self, amount: Exact, *, tranche: Exact = 0, funder_token: Pubkey | None = None, funder: Keypair | None = None
    ) -> Confirmed:
        """Give USDC to the insurance fund, `tranche` of it to the exchange-wide tranche."""
        who, keys = self._who(funder)
        token = funder_token or associated_token_address(who, (await self.exchange()).quote_mint)
        step = build.fund_insurance(
            funder=who,
            funder_token=token,
            amount_atoms=usdc_to_atoms(amount),
            tranche_atoms=usdc_to_atoms(tranche, "tranche"),
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def collect_fees(self, market: int | str, *, treasury_token: Pubkey | None = None) -> Confirmed:
        """Move a market's pending fees to treasury and insurance. `treasury_token` defaults to the treasury's own."""
        exchange = await self.exchange()
        token = treasury_token or associated_token_address(exchange.roles[3], exchange.quote_mint)
        index = (await self.market(market)).index
        step = build.collect_fees(market_index=index, treasury_token=token, program_id=self.program_id)
        return await self.send([step])

    async def match_orders(
        self,
        market_index: int,
        taker: OrderRef,
        makers: Sequence[OrderRef],
        *,
        keeper_user: Pubkey | None = None,
        keeper: Keypair | None = None,
    ) -> Confirmed:
        """Fill one taker against makers, best first; each is (address of the `User`, order id)."""
        who, keys = self._who(keeper)
        step = build.match_orders(
            keeper=who,
            market_index=market_index,
            taker_user=taker[0],
            taker_order_id=taker[1],
            makers=makers,
            keeper_user=keeper_user,
            program_id=self.program_id,
        )
        return await self.send([step], signers=keys)

    async def update_oracle(
        self,
        *,
        oracle: Keypair | Pubkey,
        market_index: int | None = None,
        collateral_index: int | None = None,
        price: LocalPrice | None = None,
    ) -> Confirmed:
        """Bring a price in: from a feed account, or signed by the key of a local feed."""
        step = build.update_oracle(
            oracle=oracle.pubkey() if isinstance(oracle, Keypair) else oracle,
            market_index=market_index,
            collateral_index=collateral_index,
            price=price,
            program_id=self.program_id,
        )
        return await self.send([step], signers=[oracle] if isinstance(oracle, Keypair) else [])

    async def update_mark(
        self,
        market_index: int,
        *,
        bids: Sequence[OrderRef] = (),
        asks: Sequence[OrderRef] = (),
        keeper: Keypair | None = None,
    ) -> Confirmed:
        """Show live orders, best first, as evidence of the book."""
        who, keys = self._who(keeper)
        step = build.update_mark(
            keeper=who, market_index=market_index, bids=bids, asks=asks, program_id=self.program_id
        )
        return await self.send([step], signers=keys)

    async def accrue_market(self, market_index: int) -> Confirmed:
        """Accrue funding and averages of a market."""
        return await self.send([build.accrue_market(market_index=market_index, program_id=self.program_id)])

    async def accrue_debt(self) -> Confirmed:
        """Accrue interest on debts."""
        return await self.send([build.accrue_debt(program_id=self.program_id)])

    async def settle_pnl(self, market_index: int, user: Pubkey, *, authority: Keypair | None = None) -> Confirmed:
        """Settle a position against its market's pool; `settled_atoms` reads the amount from the result.

        While the market has a recorded deficit, a profit is paid only to an owner who asks for it as `authority`: the
        part that the pool backs, and the rest is given up (`PnlSettled.given_up_atoms`). Raises `NothingBacked` where
        the pool is empty, so that all of it would be.
        """
        if authority is not None:
            require_backed(await self.market(market_index))
        owner = None if authority is None else authority.pubkey()
        step = build.settle_pnl(market_index=market_index, user=user, authority=owner, program_id=self.program_id)
        return await self.send([step], signers=[] if authority is None else [authority])

    async def touch_position(self, market_index: int, user: Pubkey) -> Confirmed:
        """Fold a position to the present index of its side."""
        return await self.send([build.touch_position(market_index=market_index, user=user, program_id=self.program_id)])

    async def assert_health(self, user: Pubkey, *, minimum_excess: Exact = 0, maintenance: bool = False) -> Simulation:
        """Ask by simulation whether the user's equity exceeds its requirement by so many USDC. Raises if not."""
        step = build.assert_health(
            user=user,
            minimum_excess_atoms=usdc_to_atoms(minimum_excess, "minimum_excess", signed=True),
            maintenance=maintenance,
            program_id=self.program_id,
        )
        return await self.simulate([step])

    async def assert_sequence(self, user: Pubkey, sequence: int) -> Simulation:
        """Ask by simulation whether the user's next event has this number. Raises if not."""
        return await self.simulate([build.assert_sequence(user=user, sequence=sequence, program_id=self.program_id)])

    async def view_health(self, user: Pubkey) -> HealthView:
        """The program's own `HealthView` of a user: equity, requirements, free collateral, liquidation prices."""
        return await self._view(HealthView, build.view_health(user=user, program_id=self.program_id))

    async def view_market(self, market: int | str) -> MarketView:
        """The program's own `MarketView`: prices, funding, 24 h change, open interest."""
        index = market if isinstance(market, int) else (await self.market(market)).index
        return await self._view(MarketView, build.view_market(market_index=index, program_id=self.program_id))

    async def _view(self, cls: type[View], instruction: Instruction) -> View:
        data = (await self.simulate([instruction])).return_data
        if data is None:
            raise AccountMismatch(cls.__name__, "return data", "absent", "present")
        return cls.decode(data)


def settled_atoms(confirmed: Confirmed) -> int:
    """The signed amount, in quote atoms, that a confirmed `settle_pnl` moved into the user's balance."""
    for event in confirmed.events:
        if type(event).__name__ == "PnlSettled":
            return int(event.amount_atoms)
    raise AccountMismatch("transaction", "event", "absent", "PnlSettled")
