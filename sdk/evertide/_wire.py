"""Bytes of accounts, arguments and events: one little-endian packed codec for all of them.

Borsh and the zero-copy layouts of the program agree byte for byte on everything of fixed size, because the
layouts hold no implicit padding. The generated classes list their fields as `WIRE`; nothing here knows a name.

A kind is a scalar (`"u8"` .. `"i128"`, `"bool"`, `"pubkey"`, `"string"`), `("bytes", n)`, `("array", kind, n)`,
`("vec", kind)`, `("option", kind)`, or a class derived from `Wire`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeAlias

from solders.pubkey import Pubkey

from ._errors import AccountMismatch, FloatRefused, UnitOutOfRange, UsageError

Kind: TypeAlias = "str | tuple[Any, ...] | type[Wire]"

Read: TypeAlias = Callable[[memoryview, int], tuple[Any, int]]
Write: TypeAlias = Callable[[Any, bytearray, str], None]

_FORMATS = {"u8": "<B", "i8": "<b", "u16": "<H", "i16": "<h", "u32": "<I", "i32": "<i", "u64": "<Q", "i64": "<q"}
_LENGTH = struct.Struct("<I")


class Truncated(AccountMismatch):
    """Fewer bytes than the layout needs."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__("data", "length in bytes", found, f"at least {expected}")


class Wire:
    """Base of every class that has bytes. `DISCRIMINATOR` is empty for nested structs."""

    __slots__ = ()
    WIRE: ClassVar[tuple[tuple[str, Kind], ...]] = ()
    DISCRIMINATOR: ClassVar[bytes] = b""

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Self:
        """The value at the start of `data`, after its discriminator; longer data is a newer layout and is accepted.

        Raises `AccountMismatch` when the discriminator differs or bytes are missing.
        """
        view = memoryview(data)
        head = len(cls.DISCRIMINATOR)
        if bytes(view[:head]) != cls.DISCRIMINATOR:
            found = bytes(view[:head]).hex() or "absent"
            raise AccountMismatch(cls.__name__, "discriminator", found, cls.DISCRIMINATOR.hex())
        value, _ = codec(cls)[0](view, head)
        if not isinstance(value, cls):
            raise AccountMismatch(cls.__name__, "type", type(value).__name__, cls.__name__)
        return value

    def encode(self) -> bytes:
        """The discriminator and the packed fields. Raises `UnitError` for a value that does not fit."""
        out = bytearray(self.DISCRIMINATOR)
        codec(type(self))[1](self, out, type(self).__name__)
        return bytes(out)


def fixed_size(kind: Kind) -> int | None:
    """Bytes of a kind without discriminator; None when it varies."""
    if isinstance(kind, type):
        return _sum(fixed_size(inner) for _, inner in kind.WIRE)
    if isinstance(kind, tuple):
        if kind[0] == "bytes":
            return int(kind[1])
        if kind[0] == "array":
            inner = fixed_size(kind[1])
            return None if inner is None else inner * int(kind[2])
        return None
    if kind in _FORMATS:
        return struct.calcsize(_FORMATS[kind])
    return {"bool": 1, "pubkey": 32, "u128": 16, "i128": 16}.get(kind)


def _sum(sizes: Any) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total


_CODECS: dict[Any, tuple[Read, Write]] = {}


def codec(kind: Kind) -> tuple[Read, Write]:
    """Reader and writer of a kind, made once."""
    found = _CODECS.get(kind)
    if found is None:
        found = _CODECS[kind] = _make_codec(kind)
    return found


def _make_codec(kind: Kind) -> tuple[Read, Write]:
    if isinstance(kind, type):
        return _struct_codec(kind)
    if isinstance(kind, tuple):
        if kind[0] == "bytes":
            return _bytes_codec(int(kind[1]))
        if kind[0] == "array":
            return _array_codec(kind[1], int(kind[2]))
        return _vec_codec(kind[1]) if kind[0] == "vec" else _option_codec(kind[1])
    if kind in _FORMATS:
        return _integer_codec(kind)
    return {"u128": _wide(False), "i128": _wide(True), "bool": _BOOL, "pubkey": _PUBKEY, "string": _STRING}[kind]


def _need(view: memoryview, end: int) -> None:
    if end > len(view):
        raise Truncated(len(view), end)


def _checked(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FloatRefused(name, value)
    if value < low:
        raise UnitOutOfRange(name, value, low, above=False)
    if value > high:
        raise UnitOutOfRange(name, value, high, above=True)
    return value


def integer_range(kind: str) -> tuple[int, int]:
    """Least and greatest value of an integer kind such as `"u16"`."""
    bits = int(kind[1:])
    return (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _integer_codec(kind: str) -> tuple[Read, Write]:
    packer = struct.Struct(_FORMATS[kind])
    low, high = integer_range(kind)
    size = packer.size

    def read(view: memoryview, at: int) -> tuple[int, int]:
        _need(view, at + size)
        return packer.unpack_from(view, at)[0], at + size

    def write(value: Any, out: bytearray, name: str) -> None:
        out += packer.pack(_checked(value, name, low, high))

    return read, write


def _wide(signed: bool) -> tuple[Read, Write]:
    low, high = integer_range("i128" if signed else "u128")

    def read(view: memoryview, at: int) -> tuple[int, int]:
        _need(view, at + 16)
        return int.from_bytes(view[at : at + 16], "little", signed=signed), at + 16

    def write(value: Any, out: bytearray, name: str) -> None:
        out += _checked(value, name, low, high).to_bytes(16, "little", signed=signed)

    return read, write


def _read_bool(view: memoryview, at: int) -> tuple[bool, int]:
    _need(view, at + 1)
    if view[at] > 1:
        raise AccountMismatch("data", "bool byte", view[at], "0 or 1")
    return view[at] == 1, at + 1


def _write_bool(value: Any, out: bytearray, name: str) -> None:
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}: a bool is needed")
    out.append(value)


def _read_pubkey(view: memoryview, at: int) -> tuple[Pubkey, int]:
    _need(view, at + 32)
    return Pubkey.from_bytes(bytes(view[at : at + 32])), at + 32


def _write_pubkey(value: Any, out: bytearray, name: str) -> None:
    if not isinstance(value, Pubkey):
        raise UsageError(f"{name} is {value!r}: a Pubkey is needed")
    out += bytes(value)


def _read_string(view: memoryview, at: int) -> tuple[str, int]:
    _need(view, at + 4)
    end = at + 4 + int(_LENGTH.unpack_from(view, at)[0])
    _need(view, end)
    return bytes(view[at + 4 : end]).decode(), end


def _write_string(value: Any, out: bytearray, name: str) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}: a str is needed")
    out += _LENGTH.pack(len(value.encode())) + value.encode()


_BOOL: tuple[Read, Write] = (_read_bool, _write_bool)
_PUBKEY: tuple[Read, Write] = (_read_pubkey, _write_pubkey)
_STRING: tuple[Read, Write] = (_read_string, _write_string)


def _bytes_codec(size: int) -> tuple[Read, Write]:
    def read(view: memoryview, at: int) -> tuple[bytes, int]:
        _need(view, at + size)
        return bytes(view[at : at + size]), at + size

    def write(value: Any, out: bytearray, name: str) -> None:
        if not isinstance(value, bytes) or len(value) != size:
            raise UsageError(f"{name} is {value!r}: {size} bytes are needed")
        out += value

    return read, write


def _array_codec(kind: Kind, count: int) -> tuple[Read, Write]:
    if isinstance(kind, str) and kind in _FORMATS:
        packer = struct.Struct(f"<{count}{_FORMATS[kind][1]}")

        def read_flat(view: memoryview, at: int) -> tuple[tuple[int, ...], int]:
            _need(view, at + packer.size)
            return packer.unpack_from(view, at), at + packer.size

        return read_flat, _sequence_writer(kind, count)
    read_one = codec(kind)[0]

    def read(view: memoryview, at: int) -> tuple[tuple[Any, ...], int]:
        values = []
        for _ in range(count):
            value, at = read_one(view, at)
            values.append(value)
        return tuple(values), at

    return read, _sequence_writer(kind, count)


def _sequence_writer(kind: Kind, count: int | None) -> Write:
    write_one = codec(kind)[1]

    def write(value: Any, out: bytearray, name: str) -> None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise UsageError(f"{name} is {value!r}: a sequence is needed")
        if count is None:
            out += _LENGTH.pack(len(value))
        elif len(value) != count:
            raise UsageError(f"{name} has {len(value)} entries: {count} are needed")
        for number, entry in enumerate(value):
            write_one(entry, out, f"{name}[{number}]")

    return write


def _vec_codec(kind: Kind) -> tuple[Read, Write]:
    read_one = codec(kind)[0]

    def read(view: memoryview, at: int) -> tuple[tuple[Any, ...], int]:
        _need(view, at + 4)
        count = int(_LENGTH.unpack_from(view, at)[0])
        at += 4
        values = []
        for _ in range(count):
            value, at = read_one(view, at)
            values.append(value)
        return tuple(values), at

    return read, _sequence_writer(kind, None)


def _option_codec(kind: Kind) -> tuple[Read, Write]:
    read_one, write_one = codec(kind)

    def read(view: memoryview, at: int) -> tuple[Any, int]:
        present, at = _read_bool(view, at)
        return read_one(view, at) if present else (None, at)

    def write(value: Any, out: bytearray, name: str) -> None:
        out.append(value is not None)
        if value is not None:
            write_one(value, out, name)

    return read, write


def _struct_codec(cls: type[Wire]) -> tuple[Read, Write]:
    parts = [(name, *codec(kind)) for name, kind in cls.WIRE]
    readers = [(name, read) for name, read, _ in parts]

    def read(view: memoryview, at: int) -> tuple[Any, int]:
        values = {}
        for name, read_one in readers:
            values[name], at = read_one(view, at)
        return cls(**values), at

    def write(value: Any, out: bytearray, name: str) -> None:
        if not isinstance(value, cls):
            raise UsageError(f"{name} is {value!r}: a {cls.__name__} is needed")
        for field, _, write_one in parts:
            write_one(getattr(value, field), out, f"{name}.{field}")

    return read, write
