"""Every error that the SDK raises, as one tree. Each one carries what was compared.

EvertideError
├── UsageError (also ValueError)          the call is wrong; nothing was sent
│   ├── UnitError                         a number does not fit its unit (.value, .rule)
│   │   ├── FloatRefused                  a float or a bool where an exact number is needed
│   │   ├── NotExact                      more digits than the unit has, or a price off the tick (.step)
│   │   └── UnitOutOfRange                beyond the least or greatest value (.bound)
│   ├── AddressInvalid                    not an address or not a keypair
│   ├── UnknownMarket                     no market of that index or symbol
│   ├── UnknownCollateral                 no collateral of that index or mint
│   ├── SignerMissing                     a signature is needed from a key that the client does not hold
│   ├── TransactionTooLarge               more than 1,232 bytes (.size_bytes, .limit_bytes)
│   ├── DuplicateClientOrder              that client order id is open already
│   └── NothingBacked                     the pool backs nothing of a profit that would be given up
├── TransportError                        no usable answer from the node
│   ├── RpcUnreachable                    no connection
│   ├── RpcTimeout                        no answer in time (.timeout_ms)
│   ├── RpcRateLimited                    status 429 (.retry_after_ms)
│   ├── RpcMalformed                      the answer is not JSON-RPC, or not of the method (.status, .excerpt)
│   ├── RpcBehind                         the node answers from before a slot that is needed (.slot, .needed)
│   └── RpcError                          the node refused (.code, .message, .data)
├── AccountError                          an account is not what it should be (.address)
│   ├── AccountNotFound
│   └── AccountMismatch                   wrong owner, discriminator, size or version
├── StaleRisk                             a price row is too old to act on (.age_ms, .limit_ms)
├── EventGap                              a sequence number was skipped (.expected, .found)
└── TransactionError                      a transaction did not do its work (.signature, .logs)
    ├── ProgramError                      the program refused (.code, .name, .rule, .left, .right); one subclass
    │   │                                 for each error of the program, in the blocks of `BLOCKS`
    │   ├── ExchangeStateError            60xx  authority and state of the exchange
    │   ├── AccountRuleError              61xx  accounts and tokens
    │   ├── OrderError                    62xx  orders
    │   ├── MarginError                   63xx  margin
    │   ├── OracleError                   64xx  oracle
    │   ├── MatchingError                 65xx  matching
    │   ├── MarketError                   66xx  market
    │   ├── SettlementError               67xx  settlement and funding
    │   ├── LiquidationError              68xx  liquidation
    │   └── ArithmeticFailure             69xx  arithmetic
    ├── InstructionFailed                 another program or the runtime refused (.instruction_index, .detail)
    ├── ComputeExceeded                   the compute limit was reached (.limit)
    ├── TransactionRefused                the node refused it before it ran (.reason)
    ├── TransactionExpired                its blockhash expired and it is certain that it did not land
    └── TransactionOutcomeUnknown         it may or may not have landed: the node could not be asked
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class EvertideError(Exception):
    """Base of all errors of the SDK. `str()` is one line."""


class UsageError(EvertideError, ValueError):
    """The call is wrong; nothing was sent."""


class UnitError(UsageError):
    """A number does not fit its unit."""

    def __init__(self, message: str, *, value: object, rule: str) -> None:
        super().__init__(message)
        self.value = value
        self.rule = rule


class FloatRefused(UnitError):
    """A float (or a bool) where an exact number is needed."""

    def __init__(self, name: str, value: object) -> None:
        super().__init__(
            f"{name} is {value!r}, a {type(value).__name__}: give a Decimal, an int or a decimal string",
            value=value,
            rule="exact numbers only",
        )


class NotExact(UnitError):
    """More digits than the unit has, or a price off the tick."""

    def __init__(self, name: str, value: object, step: object) -> None:
        super().__init__(f"{name} {value} is not a multiple of {step}", value=value, rule="multiple of the step")
        self.step = step


class UnitOutOfRange(UnitError):
    """Beyond the least or greatest value of the unit."""

    def __init__(self, name: str, value: object, bound: object, *, above: bool) -> None:
        word = "above the greatest value" if above else "below the least value"
        super().__init__(f"{name} {value} is {word} {bound}", value=value, rule="range of the unit")
        self.bound = bound


class AddressInvalid(UsageError):
    """Not an address, or not a keypair."""


class UnknownMarket(UsageError):
    """No market of that index or symbol is listed."""

    def __init__(self, market: object, known: Sequence[str] = ()) -> None:
        listed = f"; listed: {', '.join(known)}" if known else "; no market is listed"
        super().__init__(f"unknown market {market!r}{listed}")
        self.market = market


class UnknownCollateral(UsageError):
    """No collateral of that index or mint is listed."""

    def __init__(self, collateral: object, count: int) -> None:
        super().__init__(f"unknown collateral {collateral!r}; {count} listed")
        self.collateral = collateral


class SignerMissing(UsageError):
    """A signature is needed from a key that the client does not hold."""

    def __init__(self, address: object) -> None:
        super().__init__(f"no key given for the signer {address}")
        self.address = address


class TransactionTooLarge(UsageError):
    """More bytes than a packet of the network holds."""

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"transaction of {size_bytes} bytes is above {limit_bytes}; use a lookup table or split it")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class DuplicateClientOrder(UsageError):
    """That client order id is open already with other terms."""

    def __init__(self, client_order_id: int, order_id: int) -> None:
        super().__init__(f"client order id {client_order_id} is open already as order {order_id} with other terms")
        self.client_order_id = client_order_id
        self.order_id = order_id


class NothingBacked(UsageError):
    """Taking the backed part of a profit now would give all of it up: the pool is empty beside a recorded deficit."""

    def __init__(self, market_index: int, pool_atoms: int, deficit_atoms: int) -> None:
        super().__init__(
            f"the pool of market {market_index} holds {pool_atoms} atoms against a deficit of {deficit_atoms}: "
            "the whole profit would be given up for nothing"
        )
        self.found, self.bound = pool_atoms, deficit_atoms


class TransportError(EvertideError):
    """No usable answer from the node. The request may or may not have reached it."""


class RpcUnreachable(TransportError):
    """No connection to the node."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(f"no connection to {url}: {detail}")
        self.url = url


class RpcTimeout(TransportError):
    """No answer in time."""

    def __init__(self, url: str, method: str, timeout_ms: int) -> None:
        super().__init__(f"{method} had no answer from {url} within {timeout_ms} ms")
        self.url, self.method, self.timeout_ms = url, method, timeout_ms


class RpcRateLimited(TransportError):
    """The node answered 429."""

    def __init__(self, url: str, method: str, retry_after_ms: int | None) -> None:
        wait = "" if retry_after_ms is None else f"; it asks for {retry_after_ms} ms"
        super().__init__(f"{url} limits the rate of {method}{wait}")
        self.url, self.method, self.retry_after_ms = url, method, retry_after_ms


class RpcMalformed(TransportError):
    """The answer is not JSON-RPC, or not of the method's shape."""

    def __init__(self, url: str, method: str, status: int, excerpt: str) -> None:
        super().__init__(f"{url} answered {method} with status {status} and no JSON-RPC: {excerpt!r}")
        self.url = url
        self.method = method
        self.status = status
        self.excerpt = excerpt


class RpcBehind(TransportError):
    """The node answers from before a slot that is needed; `slot` None: it does not say from which."""

    def __init__(self, url: str, method: str, slot: int | None, needed: int) -> None:
        super().__init__(f"{url} answers {method} from slot {slot}, needed {needed} or later")
        self.url, self.method, self.slot, self.needed = url, method, slot, needed


class RpcError(TransportError):
    """The node refused the request with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{method} refused with code {code}: {message}")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class AccountError(EvertideError):
    """An account is not what it should be."""

    def __init__(self, message: str, address: object = None) -> None:
        super().__init__(message)
        self.address = address


class AccountNotFound(AccountError):
    """Nothing is at that address."""

    def __init__(self, what: str, address: object) -> None:
        super().__init__(f"{what} {address} does not exist", address)
        self.what = what


class AccountMismatch(AccountError):
    """Wrong owner, discriminator, size or layout version."""

    def __init__(self, what: str, rule: str, found: object, expected: object, address: object = None) -> None:
        place = "" if address is None else f" {address}"
        super().__init__(f"{what}{place}: {rule} is {found}, expected {expected}", address)
        self.what = what
        self.rule = rule
        self.found = found
        self.expected = expected


class StaleRisk(EvertideError):
    """A price row is too old for what was asked, and the client has no means to refresh it."""

    def __init__(self, row: str, age_ms: int, limit_ms: int) -> None:
        super().__init__(
            f"price row of {row} is {age_ms} ms old, limit {limit_ms} ms, and the client may not refresh it"
        )
        self.row = row
        self.age_ms = age_ms
        self.limit_ms = limit_ms


class EventGap(EvertideError):
    """A sequence number of one stream of events was skipped."""

    def __init__(self, stream: str, expected: int, found: int) -> None:
        super().__init__(f"events of {stream}: sequence {found} follows where {expected} was expected")
        self.stream = stream
        self.expected = expected
        self.found = found


class TransactionError(EvertideError):
    """A transaction did not do its work."""

    def __init__(self, message: str, *, signature: str | None = None, logs: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.signature = signature
        self.logs = tuple(logs)


class ProgramError(TransactionError):
    """The program refused. `left` is the value found and `right` the bound, where the rule compares numbers."""

    CODE: ClassVar[int] = 0
    RULE: ClassVar[str] = "the program refused"

    def __init__(
        self,
        *,
        code: int | None = None,
        left: int | None = None,
        right: int | None = None,
        instruction_index: int | None = None,
        signature: str | None = None,
        logs: Sequence[str] = (),
    ) -> None:
        self.code = self.CODE if code is None else code
        self.name = type(self).__name__
        self.rule = self.RULE
        self.left = left
        self.right = right
        self.instruction_index = instruction_index
        numbers = "" if left is None else f" ({left} against {right})"
        super().__init__(f"{self.name} {self.code}: {self.rule}{numbers}", signature=signature, logs=logs)


class ExchangeStateError(ProgramError):
    """60xx: authority and state of the exchange."""


class AccountRuleError(ProgramError):
    """61xx: accounts and tokens."""


class OrderError(ProgramError):
    """62xx: orders."""


class MarginError(ProgramError):
    """63xx: margin."""


class OracleError(ProgramError):
    """64xx: oracle."""


class MatchingError(ProgramError):
    """65xx: matching."""


class MarketError(ProgramError):
    """66xx: market."""


class SettlementError(ProgramError):
    """67xx: settlement and funding."""


class LiquidationError(ProgramError):
    """68xx: liquidation."""


class ArithmeticFailure(ProgramError):
    """69xx: arithmetic."""


class InstructionFailed(TransactionError):
    """Another program, the framework or the runtime refused an instruction."""

    def __init__(
        self,
        detail: str,
        *,
        instruction_index: int | None,
        code: int | None = None,
        signature: str | None = None,
        logs: Sequence[str] = (),
    ) -> None:
        place = "transaction" if instruction_index is None else f"instruction {instruction_index}"
        super().__init__(f"{place} failed: {detail}", signature=signature, logs=logs)
        self.instruction_index = instruction_index
        self.detail = detail
        self.code = code


class ComputeExceeded(TransactionError):
    """The compute limit was reached."""

    def __init__(self, limit: int | None, *, signature: str | None = None, logs: Sequence[str] = ()) -> None:
        bound = "" if limit is None else f" of {limit} units"
        super().__init__(f"the compute limit{bound} was reached", signature=signature, logs=logs)
        self.limit = limit


class TransactionRefused(TransactionError):
    """The node refused the transaction before it ran (signature, blockhash, fee payer, duplicate)."""

    def __init__(self, reason: str, *, signature: str | None = None, logs: Sequence[str] = ()) -> None:
        super().__init__(f"refused before it ran: {reason}", signature=signature, logs=logs)
        self.reason = reason


class TransactionExpired(TransactionError):
    """The blockhash expired and the node, asked afterwards, knows no such transaction: it did not land."""

    def __init__(self, signature: str, last_valid_block_height: int, block_height: int) -> None:
        super().__init__(
            f"{signature} expired: block height {block_height} is above {last_valid_block_height} and it did not land",
            signature=signature,
        )
        self.last_valid_block_height = last_valid_block_height
        self.block_height = block_height


class TransactionOutcomeUnknown(TransactionError):
    """It was sent and the node could not be asked what became of it. Look the signature up before acting again."""

    def __init__(self, signature: str, detail: str) -> None:
        super().__init__(f"outcome of {signature} is unknown: {detail}", signature=signature)
        self.detail = detail
