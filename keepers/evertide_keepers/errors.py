"""Errors of the keepers, each with what was found and what was needed.

- `KeeperError`
    - `ConfigError`: a key of the configuration is unknown, missing or wrong
    - `JitDisabled`: numba's compiler is switched off
    - `WrongChain`: the node is not on the chain that the configuration names
    - `SourceError`: a price source has no usable price
    - `JournalError`: a journal cannot be read or written
    - `VersionMismatch`: the program is another build, or its accounts have other layouts
    - `Stopping`: not sent, the process is about to end
    - `Overtaken`: not sent, what was decided on has changed
    - `PortInUse`: somebody else listens on the port of the health endpoint
"""

from __future__ import annotations

NOT_BY_RETRYING = 2
"""Exit code of what another start cannot mend: a service manager need not try."""


class KeeperError(Exception):
    """Base of everything that keepers raise on purpose. `rule` names what was broken."""

    def __init__(self, rule: str, found: object, needed: object) -> None:
        super().__init__(f"{rule}: found {found}, needed {needed}")
        self.rule, self.found, self.needed = rule, found, needed


class ConfigError(KeeperError):
    """A key of the configuration is unknown, missing or wrong."""

    exit_code = NOT_BY_RETRYING


class JitDisabled(KeeperError):
    """Numba's compiler is switched off: kernels would take seconds for what must take milliseconds."""


class WrongChain(KeeperError):
    """Another genesis hash, or no such program, at the configured node."""

    exit_code = NOT_BY_RETRYING


class SourceError(KeeperError):
    """A price source has no usable price."""


class JournalError(KeeperError):
    """A journal cannot be read."""


class VersionMismatch(KeeperError):
    """The program is another build, or its accounts have layouts that are not known here."""

    exit_code = NOT_BY_RETRYING


class PortInUse(KeeperError):
    """Somebody else listens on the port of the health endpoint."""


class Overtaken(KeeperError):
    """Not sent: an account that was decided on has been written since, and is looked at again first."""


class Stopping(KeeperError):
    """Not sent: the process is about to end."""
