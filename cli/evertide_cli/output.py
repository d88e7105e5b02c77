"""How results are shown: rich tables and panels for people, one JSON document for programs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def jsonable(value: Any) -> Any:
    """A value that JSON carries without loss: decimals and addresses as text, bytes as hex, integers as they are."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: jsonable(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return value
    return str(value)


def print_json(value: Any) -> None:
    """One document on stdout."""
    print(json.dumps(jsonable(value), indent=2), flush=True)


def console() -> Console:
    """A console on stdout; never cuts a line when the output is a file."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 200
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=width)


def heading(name: str) -> str:
    """A column's title from its key."""
    return name.replace("_", " ")


def cell(value: Any) -> str:
    """One cell of a table."""
    plain = jsonable(value)
    if plain is None:
        return "-"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, int):
        return f"{plain:,}"
    if isinstance(plain, (list, dict)):
        return json.dumps(plain)
    return str(plain)


def table(rows: Sequence[Mapping[str, Any]], title: str = "", columns: Iterable[str] | None = None) -> RenderableType:
    """A rich table of rows that share their keys."""
    from rich import box
    from rich.table import Table

    names = list(columns or (rows[0] if rows else ()))
    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        first = rows[0].get(name) if rows else None
        number = isinstance(first, (int, Decimal)) and not isinstance(first, bool)
        drawn.add_column(heading(name), justify="right" if number else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell(row.get(name)) for name in names))
    if not rows:
        drawn.add_column("nothing")
    return drawn


def fields_table(values: Mapping[str, Any], title: str = "") -> RenderableType:
    """Two columns: name and value."""
    from rich import box
    from rich.table import Table

    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE, show_header=False, pad_edge=False)
    drawn.add_column(style="dim")
    drawn.add_column(overflow="fold")
    for name, value in values.items():
        drawn.add_row(heading(name), cell(value))
    return drawn


def show(value: Any, *, as_json: bool, title: str = "") -> None:
    """A list of rows as a table, a mapping as name and value, anything else as text."""
    if as_json:
        print_json(value)
        return
    plain = value if isinstance(value, (list, Mapping)) else jsonable(value)
    if isinstance(plain, list):
        console().print(table(plain, title))
    elif isinstance(plain, Mapping):
        console().print(fields_table(plain, title))
    else:
        console().print(cell(plain))


def watch(read: Callable[[], Any], draw: Callable[[Any], RenderableType], *, as_json: bool, every_ms: int) -> None:
    """Show a view again and again until interrupted: a live screen, or with JSON one document a line."""
    if as_json:
        while True:
            print(json.dumps(jsonable(read())), flush=True)
            time.sleep(every_ms / 1000)
    from rich.live import Live

    with Live(draw(read()), console=console(), refresh_per_second=8, screen=sys.stdout.isatty()) as live:
        while True:
            time.sleep(every_ms / 1000)
            live.update(draw(read()))


async def show_each(
    read: Callable[[], Awaitable[Any]],
    draw: Callable[[Any], RenderableType],
    *,
    as_json: bool,
    every_ms: int | None,
) -> None:
    """As `watch`, for a view that is read with await on one connection; `every_ms` None shows it once."""
    if as_json or every_ms is None:
        while True:
            view = await read()
            if as_json:
                print(json.dumps(jsonable(view)), flush=True)
            else:
                console().print(draw(view))
            if every_ms is None:
                return
            await asyncio.sleep(every_ms / 1000)
    from rich.live import Live

    with Live(draw(await read()), console=console(), refresh_per_second=8, screen=sys.stdout.isatty()) as live:
        while True:
            await asyncio.sleep(every_ms / 1000)
            live.update(draw(await read()))


@contextmanager
def progress(text: str, *, as_json: bool, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A bar on stderr for long work; calls of the given function advance it. Silent with JSON."""
    if as_json:
        yield lambda *_args, **_kwargs: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
    if total is not None:
        columns += [BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total)

        def advance(description: str | None = None, steps: int = 1) -> None:
            bar.update(task, advance=steps, description=description or text)

        yield advance
