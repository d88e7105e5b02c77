"""Read the constants and the numbered enums out of the program's Rust sources, and write them as Python.

Top-level `const`s keep their names; those of a module get its name in the singular before theirs (`seeds::USER` is
SEED_USER). Enums with `#[repr(u8)]` become IntEnums. A public constant that cannot be read is an error, not a gap.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CRATES = ("programs/evertide-math/src", "programs/evertide/src")
Value = int | bytes | str | tuple["Value", ...]

CONST = re.compile(
    r"^(?P<indent> {4})?(?P<public>pub )?const (?P<name>[A-Z][A-Z0-9_]*): (?P<type>[^=]+?) =\s*(?P<value>[^;]+);", re.M
)
MODULE = re.compile(r"^pub mod (\w+) \{$", re.M)
ENUM = re.compile(r"^#\[repr\(u8\)\]\n(?:#\[[^\n]*\n)*pub enum (\w+) \{\n(.*?)^\}", re.M | re.S)
VARIANT = re.compile(r"^    (\w+)(?: = (\d+))?,", re.M)
LIMITS = {
    f"{sign}{bits}::{end}": (
        (2**bits - 1 if sign == "u" else 2 ** (bits - 1) - 1)
        if end == "MAX"
        else (0 if sign == "u" else -(2 ** (bits - 1)))
    )
    for sign in "ui"
    for bits in (8, 16, 32, 64, 128)
    for end in ("MAX", "MIN")
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.FloorDiv: operator.floordiv,
}


class ConstantError(ValueError):
    """A constant of the program cannot be read."""


@dataclass(frozen=True)
class Constant:
    """A constant with its value and the comment above it."""

    name: str
    value: Value
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """A numbered enum."""

    name: str
    doc: str
    variants: tuple[tuple[str, int, str], ...]


def rust_files(root: Path) -> Iterator[Path]:
    """Every source file of both crates, tests apart."""
    for crate in CRATES:
        yield from (file for file in sorted((root / crate).rglob("*.rs")) if "test" not in file.stem)


def doc_above(text: str, at: int) -> str:
    """The `///` comment that ends just above a position."""
    lines: list[str] = []
    for line in reversed(text[:at].splitlines()):
        stripped = line.strip()
        if stripped.startswith("///"):
            lines.append(stripped[3:].strip())
        elif not stripped.startswith("#["):
            break
    return " ".join(reversed(lines))


def python_expression(rust: str) -> str:
    """A Rust constant expression in Python's words."""
    text = re.sub(r"//[^\n]*", "", rust)
    for name, limit in LIMITS.items():
        text = text.replace(name, str(limit))
    text = re.sub(r"\.cast_(?:un)?signed\(\)|\bas [ui]\w+", "", text)
    text = re.sub(r"\b[ui](?:8|16|32|64|128)::from\(", "(", text)
    text = re.sub(r"\b(\d[\d_]*)(?:_?[ui](?:8|16|32|64|128|size))\b", r"\1", text)
    text = re.sub(r"\b(?:address!|Address::from_str_const)\(", "(", text)
    text = re.sub(r"\b(?:\w+::)+(\w+)", r"\1", text)
    return text.replace("/", "//").lstrip("&").strip()


def evaluate(node: ast.expr, known: dict[str, Value]) -> Value:
    """The value of a constant expression; names refer to constants read before."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | bytes | str)
        and not isinstance(node.value, bool)
    ):
        return node.value
    if isinstance(node, ast.Name) and node.id in known:
        return known[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(evaluate(item, known) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = evaluate(node.operand, known)
        if isinstance(inner, int):
            return -inner
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = evaluate(node.left, known), evaluate(node.right, known)
        if isinstance(left, int) and isinstance(right, int):
            return int(OPERATORS[type(node.op)](left, right))
    raise ConstantError(f"no constant expression: {ast.unparse(node)}")


def prefix_of(module: str) -> str:
    """`seeds` to SEED_, `order_flags` to ORDER_FLAG_."""
    return module.removesuffix("s").upper() + "_"


def declared(text: str) -> Iterator[tuple[str, bool, str, str]]:
    """Name, publicity, expression and comment of each constant of one file."""
    modules = []
    for found in MODULE.finditer(text):
        modules.append((found.start(), text.index("\n}", found.start()), found.group(1)))
    for found in CONST.finditer(text):
        inside = [name for start, end, name in modules if start < found.start() < end]
        if found["indent"] and (not inside or inside[0] == "tests"):
            continue
        name = prefix_of(inside[0]) + found["name"] if inside else found["name"]
        yield name, bool(found["public"]), found["value"], doc_above(text, found.start())


def read_constants(root: Path) -> list[Constant]:
    """Every constant of both crates, in the order of their files. Private ones only where they can be read."""
    waiting = [item for file in rust_files(root) for item in declared(file.read_text())]
    known: dict[str, Value] = {}
    out: dict[str, Constant] = {}
    public = {name for name, is_public, _, _ in waiting if is_public}
    while waiting:
        left = []
        for name, is_public, expression, doc in waiting:
            if not is_public and (name in public or name in known):
                continue
            try:
                value = evaluate(ast.parse(python_expression(expression), mode="eval").body, known)
            except (ConstantError, SyntaxError):
                left.append((name, is_public, expression, doc))
                continue
            if is_public and name in known and known[name] != value:
                raise ConstantError(f"{name} is declared twice, as {known[name]!r} and {value!r}")
            known[name] = value
            out[name] = Constant(name, value, doc)
        if len(left) == len(waiting):
            break
        waiting = left
    unread = [f"{name} = {expression}" for name, is_public, expression, _ in waiting if is_public and name not in known]
    if unread:
        raise ConstantError(f"cannot read {'; '.join(unread)}")
    return sorted(out.values(), key=lambda item: item.name)


def read_enumerations(root: Path) -> list[Enumeration]:
    """Every enum with `#[repr(u8)]` of both crates."""
    found = []
    for file in rust_files(root):
        text = file.read_text()
        for match in ENUM.finditer(text):
            variants, following = [], 0
            for variant in VARIANT.finditer(match.group(2)):
                number = int(variant.group(2)) if variant.group(2) else following
                following = number + 1
                variants.append((screaming(variant.group(1)), number, doc_above(match.group(2), variant.start())))
            doc = doc_above(text, match.start())
            found.append(Enumeration(match.group(1), doc, tuple(variants)))
    names = [item.name for item in found]
    if len(set(names)) != len(names):
        raise ConstantError(f"an enum name is used twice: {sorted(names)}")
    return sorted(found, key=lambda item: item.name)


def screaming(name: str) -> str:
    """`GoodTillCancelled` to GOOD_TILL_CANCELLED."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def literal(value: Value) -> str:
    """A Python literal, large numbers grouped."""
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:_}" if isinstance(value, int) else repr(value)


def emit(root: Path, program_id: str) -> str:
    """The Python module."""
    lines = [
        "# Generated by scripts/generate from the program's Rust sources. Do not edit.",
        '"""Constants and numbered enums of the program."""',
        "",
        "from __future__ import annotations",
        "",
        "from enum import IntEnum",
        "",
        f'PROGRAM_ID = "{program_id}"',
        '"""Address that the program declares."""',
    ]
    for item in read_constants(root):
        lines.append(f"{item.name} = {literal(item.value)}")
        if item.doc:
            lines.append(f"{item.doc!r}" if '"' in item.doc or "\\" in item.doc else f'"""{item.doc}"""')
    for enum in read_enumerations(root):
        lines += ["", "", f"class {enum.name}(IntEnum):", f'    """{enum.doc or enum.name}"""', ""]
        for name, number, doc in enum.variants:
            lines += [f"    {name} = {number}"] + ([f'    """{doc}"""'] if doc else [])
    return "\n".join(lines) + "\n"
