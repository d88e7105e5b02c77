"""The command tree. Groups load when they are named, so that `--help` stays fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError
from typer.core import TyperGroup

from .errors import UsageProblem
from .settings import Settings, resolve

GROUPS: dict[str, str] = {
    "account": "Trading accounts: create, deposit, withdraw, limits, health.",
    "admin": "The exchange itself: listing, opening, roles, insurance, fees.",
    "audit": "Replay what the exchange did from its events, and judge it.",
    "builder": "Builder codes: register, retire, pay.",
    "config": "Settings of this command line.",
    "engine": "The compiled kernels that keepers run on.",
    "guard": "Checks that fail a transaction when they do not hold.",
    "insurance": "The insurance fund: stake in it, and leave it.",
    "keeper": "Run keepers, or one step of one of them.",
    "liquidate": "The way down: liquidate accounts, move them to the backstop, resolve bankruptcies.",
    "localnet": "A local validator with the program, markets and funded traders.",
    "market": "Markets: prices, book, funding.",
    "order": "Place, cancel, modify, list orders; sign them, and place what others signed.",
    "position": "Positions: list, fold, settle.",
    "strategy": "Strategies: list, run on an exchange, backtest on the engine's own book.",
}
SINGLES: dict[str, str] = {
    "doctor": "Check the whole way from this machine to the exchange.",
    "version": "Versions of everything that takes part.",
}
GLOBAL_HELP = """Options that every command takes, anywhere on the line:
--json (results and errors as one JSON document), --dry-run (simulate; print compute units and logs),
--rpc-url URL, --ws-url URL, --keypair FILE, --commitment LEVEL, --sub-id N, --priority-fee-micro-lamports N,
--timeout-ms N, --config FILE, --export-unsigned FILE with --acting-as ADDRESS (write the transaction for others to
sign). Each setting is also a key of the configuration file and a variable EVERTIDE_<KEY>."""


class LazyGroup(TyperGroup):
    """Root group whose members are imported when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, without importing what is behind them."""
        return [*GROUPS, *SINGLES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of one group or single command."""
        if cmd_name not in GROUPS and cmd_name not in SINGLES:
            return None
        module = importlib.import_module(f".commands.{cmd_name}", __package__)
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The static table of names: nothing is imported for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted({**GROUPS, **SINGLES}.items()))
        with formatter.section("Global options"):
            for line in GLOBAL_HELP.splitlines():
                formatter.write(f"  {line}\n")


def build() -> typer.Typer:
    """The root application."""
    app = typer.Typer(
        name="evertide",
        cls=LazyGroup,
        help="Evertide: perpetual futures on Solana.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root() -> None:
        """Evertide: perpetual futures on Solana."""

    return app


def group(help_text: str) -> typer.Typer:
    """A command group in the house style."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def settings_of(context: typer.Context) -> Settings:
    """The settings that this run resolved, once."""
    root = context.find_root()
    if not isinstance(root.obj, Settings):
        root.obj = resolve(root.obj if isinstance(root.obj, Mapping) else {})
    return root.obj


def invoke(flags: Mapping[str, Any], words: Sequence[str]) -> int:
    """Run the command; usage errors of the parser come out as UsageProblem."""
    command = typer.main.get_command(build())
    try:
        result = command.main(args=list(words), prog_name="evertide", standalone_mode=False, obj=dict(flags))
    except NoArgsIsHelpError as error:
        print(error.ctx.get_help() if error.ctx else "")
        return 2
    except typer.Exit as error:
        return int(error.exit_code)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context is not None else ""
        raise UsageProblem(f"{error.format_message()}{hint}") from None
    return result if isinstance(result, int) else 0
