"""An opened local exchange for the SDK's tests: USDC and SOL as collateral, BTC and SOL markets, traders with money."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from spl.token.instructions import (
    MintToParams,
    create_idempotent_associated_token_account,
    mint_to,
)

from conftest import ProgramNet
from evertide import (
    EvertideClient,
    Feeds,
    LocalPrice,
    SendOptions,
    associated_token_address,
    user_address,
)
from evertide._localnet import local_keypair
from evertide_cli.terms import MARKETS, MarketPlan, collateral_terms, exchange_terms, market_terms

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
USDC_DECIMALS, SOL_DECIMALS = 6, 9
PUBLISH_EVERY_MS = 2_000
HOUR_S = 3_600
PRICES_USD = {("market", 0): Decimal(40_000), ("market", 1): Decimal(100), ("collateral", 1): Decimal(100)}


@dataclass
class World:
    """Everything that a test of the SDK on a running exchange needs."""

    net: ProgramNet
    client: EvertideClient
    root: Keypair
    oracle: Keypair
    usdc: Pubkey
    sol: Pubkey
    published_ms: int = 0
    prices: dict[tuple[str, int], Decimal] = field(default_factory=lambda: dict(PRICES_USD))

    async def price(self, kind: str, index: int) -> LocalPrice:
        """The present price of a feed, as its signer would give it."""
        atoms = int(self.prices[kind, index] * 10**6)
        now_ms = self.published_ms = await self.client.chain_time_ms()
        return LocalPrice(price=atoms, confidence=atoms // 10_000, publish_time_ms=now_ms)

    async def publish(self) -> None:
        """Sign every price afresh, unless that was done within the last second of the chain's clock or two."""
        now_ms = await self.client.chain_time_ms()
        if now_ms < self.published_ms + PUBLISH_EVERY_MS:
            return
        for kind, index in self.prices:
            target = {f"{kind}_index": index}
            await self.client.update_oracle(oracle=self.oracle, price=await self.price(kind, index), **target)

    def mint_instructions(self, mint: Pubkey, owner: Pubkey, atoms: int) -> list[Instruction]:
        """An associated token account with newly minted test tokens."""
        account = associated_token_address(owner, mint)
        params = MintToParams(TOKEN_PROGRAM, mint, account, self.root.pubkey(), atoms)
        return [create_idempotent_associated_token_account(self.root.pubkey(), owner, mint), mint_to(params)]

    async def trader(self, name: str, *, usdc: int = 0, sol: int = 0) -> tuple[Keypair, Pubkey]:
        """A funded key with a sub-account that holds so many whole tokens."""
        key = local_keypair(f"{name}-{self.net.net.rpc_url}")
        self.net.cheats.fund(key.pubkey(), 10**10)
        await self.client.create_user(authority=key)
        for index, mint, amount, decimals in ((0, self.usdc, usdc, USDC_DECIMALS), (1, self.sol, sol, SOL_DECIMALS)):
            if amount:
                await self.client.send(self.mint_instructions(mint, key.pubkey(), amount * 10**decimals))
                await self.client.deposit(amount, collateral=index, authority=key)
        return key, user_address(key.pubkey())


def client_of(net: ProgramNet, url: str, root: Keypair, oracle: Keypair, options: SendOptions | None = None) -> World:
    """A world on a network, its client talking to `url`."""
    usdc, sol = (local_keypair(f"sdk-{name}-{net.rpc_url}").pubkey() for name in ("usdc", "sol"))
    client = EvertideClient(url, payer=root, signers=[oracle], ws_url=net.ws_url, options=options)
    world = World(net, client, root, oracle, usdc, sol)
    client.feeds = Feeds(price_source=world.price)
    return world


async def open_world(
    net: ProgramNet, plans: Sequence[MarketPlan] = (MARKETS[0], MARKETS[2]), band_bps: int | None = None
) -> World:
    """Initialise, list, price and open an exchange on a network that has the program and nothing else.

    `band_bps`: half width of every market's fill band; None: that of its tier.
    """
    root, oracle = net.payer, local_keypair("sdk-oracle")
    net.cheats.fund(oracle.pubkey(), 10**10)
    # Funding is fixed on the hour and free in a market's first: a whole one, whatever the time of day.
    net.cheats.travel_to((net.cheats.chain_time_s() // HOUR_S + 1) * HOUR_S * 1_000)
    world = client_of(net, net.rpc_url, root, oracle)
    net.cheats.create_mint(world.usdc, decimals=USDC_DECIMALS, authority=root.pubkey())
    net.cheats.create_mint(world.sol, decimals=SOL_DECIMALS, authority=root.pubkey())
    client = world.client
    await client.initialize_exchange(local=True, terms=exchange_terms(), roles=[root.pubkey()] * 4)
    await client.list_collateral(world.usdc, collateral_terms("USDC", oracle.pubkey()))
    await client.list_collateral(world.sol, collateral_terms("SOL", oracle.pubkey()))
    for plan in plans:
        terms = market_terms(plan, oracle.pubkey())
        await client.list_market(terms if band_bps is None else dataclasses.replace(terms, band_bps=band_bps))
    await world.publish()
    await client.open_exchange()
    return world
