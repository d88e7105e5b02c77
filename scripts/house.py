"""What the project's own scripts share: where things live, and how a step is run. Standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("EVERTIDE_CACHE") or Path.home() / ".cache" / "evertide").expanduser().resolve()
VENV = CACHE / "venv"
PYTHON = VENV / "bin" / "python"
SBF_PREFIX = CACHE / "sbf"
PROGRAM_SO = ROOT / "programs" / "bin" / "evertide.so"
MANIFEST = ROOT / "programs" / "bin" / "manifest.json"


def fail(message: str, code: int = 1) -> NoReturn:
    """End the script with one line on stderr."""
    print(message, file=sys.stderr)
    sys.exit(code)


def say(message: str) -> None:
    """Progress goes to stderr, so that stdout stays the script's result."""
    print(message, file=sys.stderr, flush=True)


def run(command: list[str | Path], *, cwd: Path = ROOT, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a command with its output shown (stdout not, if quiet); a failure ends the script."""
    words = [str(word) for word in command]
    stdout = subprocess.DEVNULL if quiet else None
    result = subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}, check=False, stdout=stdout)
    if result.returncode:
        fail(
            f"failed with code {result.returncode}: {' '.join(words)}",
            result.returncode if result.returncode > 0 else 1,
        )


def capture(command: list[str | Path], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a command and return its stdout; a failure shows stderr and ends the script."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        fail(f"failed with code {result.returncode}: {' '.join(words)}\n{result.stderr[-4000:]}")
    return result.stdout


def sha256_file(path: Path) -> str:
    """Hex sha256 of one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process at a time changes the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def rust_environment(target: str = "target") -> dict[str, str]:
    """Debian's Rust for everything, with the build folder in the cache."""
    return {
        "PATH": f"/usr/bin:{os.environ.get('PATH', '')}",
        "CARGO_TARGET_DIR": str(CACHE / target),
        "CARGO_TERM_COLOR": "never",
        # Debian's library, which scripts/install_sbf_toolchain installs, instead of a build from source.
        "OPENSSL_NO_VENDOR": "1",
    }
