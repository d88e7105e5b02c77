"""What the built program is made of: the hash over its sources, and the versions of what compiles it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from house import ROOT, SBF_PREFIX, capture, fail

SOURCE_ROOTS = ("Cargo.lock", "Cargo.toml", "programs/evertide", "programs/evertide-math", "scripts/sbf")
# Only what a build reads: neither tests, notes nor vectors change the program.
SOURCE_SUFFIXES = {".rs", ".toml", ".lock", ".c", ".py", ".json"}
NOT_BUILT = ("tests", "target", "benches", "examples", "vectors", "proptest-regressions")


def source_files(root: Path = ROOT) -> list[Path]:
    """Every file that a build of the program reads, sorted by its path in the repository."""
    files: list[Path] = []
    for name in SOURCE_ROOTS:
        path = root / name
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        files += [
            file
            for file in found
            if file.is_file()
            and file.suffix in SOURCE_SUFFIXES
            and not set(file.relative_to(root).parts[2:-1]) & set(NOT_BUILT)
        ]
    return sorted(files, key=lambda file: file.relative_to(root).as_posix())


def sources_sha256(root: Path = ROOT) -> str:
    """Hex sha256 over path, length and contents of each source file."""
    digest = hashlib.sha256()
    for file in source_files(root):
        contents = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(contents)}\0".encode())
        digest.update(contents)
    return digest.hexdigest()


def declared_program_id() -> str:
    """The address that the program declares as its own."""
    source = (ROOT / "programs" / "evertide" / "src" / "lib.rs").read_text()
    found = re.search(r'declare_id!\("([1-9A-HJ-NP-Za-km-z]{32,44})"\)', source)
    if found is None:
        fail("programs/evertide/src/lib.rs has no declare_id!")
    return found.group(1)


def toolchain_versions(prefix: Path = SBF_PREFIX) -> dict[str, str]:
    """Versions of compiler, both LLVMs, clang and linker; equal versions give equal bytes."""
    verbose = capture(["/usr/bin/rustc", "-vV"])
    fields = dict(line.split(": ", 1) for line in verbose.splitlines() if ": " in line)
    clang = re.search(r"version ([0-9.]+)", capture(["clang-22", "--version"]))
    libraries = sorted(prefix.glob("llvm23/usr/lib/*/libLLVM.so.23*"))
    version_file = prefix / "linker-version"
    if clang is None or not libraries or not version_file.exists():
        fail(f"the SBPF toolchain in {prefix} is not complete: run scripts/install_sbf_toolchain")
    return {
        "rustc": fields["release"],
        "rustc_commit": fields["commit-hash"],
        "rustc_llvm": fields["LLVM version"],
        "clang": clang.group(1),
        "linker": version_file.read_text().strip(),
        "linker_llvm_sha256": hashlib.sha256(libraries[-1].resolve().read_bytes()).hexdigest(),
    }
