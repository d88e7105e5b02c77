"""The order books of other crates: built from the crate registry, run as a program on the stream's own file."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from evertide._resources import cache_directory

CRATE = Path(__file__).resolve().parent / "peers"
PROGRAM = "evertide-bench-peers"
BOOKS = ("matchcore", "orderbook-rs")
CARGO = Path("/usr/bin/cargo")


class PeersUnavailable(Exception):
    """The program with the other crates' books could not be built or run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a book made of a stream. The digests are sha256 over little-endian 64-bit words."""

    book: str
    fills: int
    lots: int
    fills_sha256: str
    """Of taker, maker, price in ticks and lots of each fill, in order."""
    levels: int
    levels_sha256: str
    """Of side, price in ticks and lots of each level at the end."""
    batches_ns: list[list[int]]
    """Time of each batch after the prefill, of each repeat."""


def build() -> Path:
    """The program, built in release with link-time optimization for this machine; quick when nothing changed."""
    if not CARGO.exists():
        raise PeersUnavailable(f"no {CARGO}: scripts/bench installs Debian's Rust")
    target = cache_directory() / "target-peers"
    environment = {
        **os.environ,
        "PATH": f"/usr/bin:{os.environ.get('PATH', '')}",
        "CARGO_TARGET_DIR": str(target),
        # numba compiles our kernels for this machine too.
        "RUSTFLAGS": "-C target-cpu=native",
    }
    command = [str(CARGO), "build", "--release", "--locked", "--quiet"]
    done = subprocess.run(command, cwd=CRATE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeersUnavailable(f"{' '.join(command)} in {CRATE} failed:\n{done.stderr[-2000:]}")
    return target / "release" / PROGRAM


def version_of(book: str) -> str:
    """The crate's version, from its own lock file."""
    parts = (CRATE / "Cargo.lock").read_text().split("[[package]]")
    found = next(part for part in parts if f'name = "{book}"' in part)
    return found.split('version = "')[1].split('"')[0]


def play(program: Path, book: str, stream: Path, prefill: int, batch: int, repeats: int) -> Played:
    """Let another crate's book play the stream. Raises `PeersUnavailable` when it refused a message."""
    command = [str(program), book, str(stream), str(prefill), str(batch), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeersUnavailable(f"{book} could not play {stream}:\n{done.stderr[-2000:]}")
    return Played(**json.loads(done.stdout))
