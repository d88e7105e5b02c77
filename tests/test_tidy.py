"""The style guide as a check: sizes, money without floats, no leftovers, whole links, fresh generated files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
CODE_SUFFIXES = (".py", ".rs", ".js", ".c")
# Modules whose figures are money: integers from end to end. Decimal strings at the edge are not floats.
MONEY = ("sdk/evertide",)
# The display of durations and rates in words is no money path, nor is anything about waiting for the network.
NOT_MONEY = (
    "sdk/evertide/_localnet/",
    "sdk/evertide/_rpc",
    "sdk/evertide/_sender",
    # Paths are joined with a division.
    "sdk/evertide/_resources",
    "sdk/evertide/_hints",
    "sdk/evertide/_confirming",
    "sdk/evertide/_time",
)
# Taken together so that this file does not find itself.
LEFTOVERS = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK:", r"unimplemented" + r"!\(", r"to" + r"do!\("])
)
MACHINE_PATHS = re.compile("|".join(["/wo" + "rk/", "/ro" + "ot/", "/ho" + r"me/[a-z]+/", "/us" + "ers/"]))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FLOAT_NAMES = {"float", "np.float64", "np.float32"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that belongs to the project: committed, or new and not ignored."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(sorted(ROOT / name for name in set(names) if name and (ROOT / name).is_file()))


def nothing(found: list[str]) -> None:
    """Fail with every finding on its own line."""
    assert not found, "\n" + "\n".join(found)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_generated(path: Path) -> bool:
    return any("generated" in part for part in path.relative_to(ROOT).parts)


def is_script(path: Path) -> bool:
    return path.parent == ROOT / "scripts" and path.read_bytes()[:30].startswith(b"#!/usr/bin/env python3")


def code_files() -> list[Path]:
    """Hand-written code."""
    chosen = [path for path in tracked() if path.suffix in CODE_SUFFIXES or path.parent == ROOT / "scripts"]
    return [path for path in chosen if path.suffix != ".txt" and not is_generated(path)]


def python_files() -> list[Path]:
    return [path for path in code_files() if path.suffix == ".py" or is_script(path)]


def text_files() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path, path.read_text()
        except UnicodeDecodeError:
            continue


def test_files_are_short() -> None:
    found = {relative(path): len(path.read_text().splitlines()) for path in code_files()}
    nothing([f"{name}: {lines} lines" for name, lines in found.items() if lines > FILE_LINES_MAX])


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, decorators and docstring included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield node.name, (node.end_lineno or first) - first + 1


def blank_rust(text: str) -> str:
    """Rust with strings, characters and comments blanked, so that every brace left is one of code."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|r#*"(?:.*?)"#*|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.|[^\'\\])\'', re.S)
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def rust_functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and lines of each function with a body."""
    code = blank_rust(text)
    for found in re.finditer(r"\bfn\s+(\w+)", code):
        opened = re.compile(r"[{;]").search(code, found.end())
        # A semicolon inside an array type `[u8; 4]` of the signature is not its end.
        while (
            opened is not None
            and opened.group() == ";"
            and code.count("[", found.end(), opened.start()) > code.count("]", found.end(), opened.start())
        ):
            opened = re.compile(r"[{;]").search(code, opened.end())
        if opened is None or opened.group() == ";":
            continue
        depth, at = 1, opened.end()
        while depth and at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        yield found.group(1), code.count("\n", found.start(), at) + 1


def test_rust_functions_are_measured() -> None:
    source = 'fn a(x: [u8; 4]) -> u8 {\n    let s = "}}";\n    // }\n    x[0]\n}\nfn b();\nfn c() { }\n'
    assert list(rust_functions(source)) == [("a", 5), ("c", 1)]


def test_functions_are_short() -> None:
    found = []
    for path in code_files():
        if path.suffix == ".rs":
            functions = rust_functions(path.read_text())
        elif path.suffix == ".py" or is_script(path):
            functions = python_functions(path)
        else:
            continue
        found += [f"{relative(path)}: {name}: {lines} lines" for name, lines in functions if lines > FUNCTION_LINES_MAX]
    nothing(found)


def seconds(tree: ast.AST) -> Iterator[ast.AST]:
    """Constants that are waiting times in seconds: no money, and Python's own interfaces take floats there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if (word.arg or "").startswith("timeout"))
            yield from node.args if ast.unparse(node.func).endswith("sleep") else []
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from [node.value] if all(ast.unparse(name).lower().endswith("_s") for name in names) else []
        elif isinstance(node, ast.arguments):
            named = [*node.posonlyargs, *node.args][len(node.posonlyargs) + len(node.args) - len(node.defaults) :]
            pairs = [*zip(named, node.defaults, strict=True), *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            yield from (value for name, value in pairs if value is not None and name.arg.endswith("_s"))


def showing(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything in functions that return a Decimal: they show integers to people, exactly or at a stated digit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.returns is not None and "Decimal" in ast.unparse(node.returns):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.BinOp))


def float_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Float literals, true divisions and calls of float."""
    allowed = {id(node) for node in [*seconds(tree), *showing(tree)]}
    for node in ast.walk(tree):
        if id(node) in allowed:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"the literal {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "a true division"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in FLOAT_NAMES:
            yield node.lineno, f"a call of {ast.unparse(node.func)}"


def test_float_uses_are_seen() -> None:
    source = "a = 1.5\nb = a / 2\nb /= 2\nc = float(b)\nd = 7 // 2\nwait_s = 0.5\ndef e(f_s=0.5): sleep(0.2)\n"
    source += "def show(x) -> Decimal:\n    return x / 3\n"
    assert [line for line, _ in sorted(float_uses(ast.parse(source)))] == [1, 2, 3, 4]


def test_money_is_integers() -> None:
    found = []
    for path in python_files():
        name = relative(path)
        if name.startswith(MONEY) and not name.startswith(NOT_MONEY):
            found += [f"{name}:{line}: {what}" for line, what in float_uses(ast.parse(path.read_text()))]
    nothing(found)


def test_rust_has_no_floats() -> None:
    pattern = re.compile(r"\bf(?:32|64)\b|\b\d+\.\d+\b")
    found = []
    for path in code_files():
        if path.suffix == ".rs" and relative(path).startswith(("programs/evertide/src", "programs/evertide-math/src")):
            code = blank_rust(path.read_text())
            found += [f"{relative(path)}:{code.count(chr(10), 0, use.start()) + 1}" for use in pattern.finditer(code)]
    nothing(found)


def test_nothing_is_left_over() -> None:
    found = []
    for path, text in text_files():
        found += [f"{relative(path)}: {match.group()}" for match in LEFTOVERS.finditer(text)]
    nothing(found)


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = []
    for path, text in text_files():
        found += [f"{relative(path)}: {match.group()}" for match in MACHINE_PATHS.finditer(text)]
    program = ROOT / "programs" / "bin" / "evertide.so"
    places = (b"/wo" + b"rk/", b"/ro" + b"ot/", b"/ho" + b"me/")
    found += [f"{relative(program)}: {place.decode()}" for place in places if place in program.read_bytes()]
    nothing(found)


def anchors(text: str) -> set[str]:
    """The anchors that headings make."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_of_documents_resolve() -> None:
    found = []
    for path, text in text_files():
        if path.suffix != ".md":
            continue
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            file = (path.parent / place).resolve() if place else path
            if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())):
                found.append(f"{relative(path)}: {target}")
    nothing(found)


def test_generated_python_says_so() -> None:
    found = [
        path for path in tracked() if is_generated(path) and path.suffix == ".py" and path.parent.name == "_generated"
    ]
    assert found, "no generated file is there to be checked"
    assert [relative(path) for path in found if "generated" not in path.read_text()[:200].lower()] == []


def test_generated_files_are_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_public_modules_have_docstrings() -> None:
    packages = ("sdk/", "engine/", "keepers/", "cli/", "scripts/")
    chosen = [path for path in python_files() if relative(path).startswith(packages)]
    assert [relative(path) for path in chosen if not ast.get_docstring(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize("name", ["bench", "build", "check", "quickstart", "setup", "test"])
def test_justfile_only_forwards(name: str) -> None:
    recipe = re.search(rf"^{name}[^\n]*:\n((?:    [^\n]*\n?)+)", (ROOT / "justfile").read_text(), re.M)
    assert recipe is not None
    assert all(line.strip().startswith("scripts/") for line in recipe.group(1).strip().splitlines())
