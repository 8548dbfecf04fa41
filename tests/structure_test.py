"""What compilers and linters cannot see: the rules of the tree, each one a test of its own.

  structure_test.py ROOT RULE      checks one rule, prints every breach, exits 1 when there is one
  structure_test.py --self-test    shows that each rule finds what it is there to find

Standard library only. The rules are the functions named in RULES; each takes a tree and yields
"file:line: what is wrong" lines.
"""

import pathlib
import re
import sys
import tempfile
import unittest

ROOMS = ("cpu", "nvme", "gpu", "comm")
FOLDERS = ("src", *ROOMS, "tests", "tools")
TOP_LEVEL = {*FOLDERS, "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md"}
UNTRACKED = re.compile(r"build.*|compile_commands\.json")
CODE = {".hpp", ".cpp", ".cu", ".cuh"}
TEXT = CODE | {".py", ".sh", ".txt", ".md", ".json", ".cmake", ".in", ""}
LONGEST = 400

# Files that may hold preprocessor conditionals, each with the reason.
CONDITIONALS_ALLOWED = {
    "src/ballast/arithmetic/element_function.hpp": "nvcc wants attributes that others do not know",
}
# (file pattern, included file): siblings that may meet all the same.
SIBLINGS_ALLOWED = [(re.compile(r"comm/nccl_[^/]*"), "gpu/stream.hpp")]
# What the engine's own sources may use besides std and the public headers: its scheduler and fmt.
ENGINE_LIBRARIES = re.compile(r"(oneapi/)?tbb/.*|nlohmann/json\.hpp|fmt/.*")
STANDARD_HEADER = re.compile(r"[a-z_]+")


class Tree:
    """The project's files, as rules see them: paths relative to the root, and lines by number."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def files(self, *folders, suffixes=CODE):
        for folder in folders or FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                    yield path.relative_to(self.root).as_posix()

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def lines(self, name):
        return enumerate(self.text(name).splitlines(), start=1)

    def includes(self, name):
        """(line number, included text, path in the tree or None) of each include of a file."""
        for number, line in self.lines(name):
            match = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
            if match:
                yield number, match[1], self.resolve(name, match[1])

    def resolve(self, name, included):
        for base in (pathlib.PurePosixPath(name).parent.as_posix(), ".", "src"):
            path = (self.root / base / included).resolve()
            if path.is_file() and path.is_relative_to(self.root.resolve()):
                return path.relative_to(self.root.resolve()).as_posix()
        # A file that does not exist (yet) is still named by its room.
        return included if included.split("/")[0] in FOLDERS and "/" in included else None


def folder_of(name):
    return name.split("/")[0]


def include_direction(tree):
    """tools, tests -> facade -> rooms -> core: the arrows of README's architecture."""
    for name in tree.files("src", *ROOMS):
        for number, included, target in tree.includes(name):
            if target is None or folder_of(target) == folder_of(name):
                continue
            allowed = (
                (name == "src/backends.cpp" and folder_of(target) in ROOMS)
                or (folder_of(name) in ROOMS and target.startswith("src/ballast/"))
                or any(a.fullmatch(name) and b == target for a, b in SIBLINGS_ALLOWED)
            )
            if not allowed:
                yield f"{name}:{number}: {folder_of(name)} may not include {included}"


def public_headers(tree):
    """What is installed includes the standard library and its own kind, nothing else."""
    for name in tree.files("src/ballast"):
        for number, included, _ in tree.includes(name):
            if not included.startswith("ballast/") and not STANDARD_HEADER.fullmatch(included):
                yield f"{name}:{number}: a public header may not include {included}"


def foreign_headers(tree):
    """Below src/ no CUDA, MPI, NCCL, liburing or xsimd: only std, oneTBB, fmt and a JSON library."""
    for name in tree.files("src"):
        for number, included, target in tree.includes(name):
            known = target or included.startswith("ballast/") or STANDARD_HEADER.fullmatch(included)
            if not known and not ENGINE_LIBRARIES.fullmatch(included):
                yield f"{name}:{number}: the engine may not include {included}"


def conditionals(tree):
    """Variants are chosen by file lists in CMake, not by the preprocessor."""
    for name in tree.files():
        for number, line in tree.lines(name):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef)\b", line):
                if name not in CONDITIONALS_ALLOWED:
                    yield f"{name}:{number}: preprocessor conditional: {line.strip()}"


def length(tree):
    """A file is one noun; what is longer says why on top."""
    for name in tree.files(suffixes=CODE | {".py"}):
        lines = tree.text(name).splitlines()
        reason = any(re.match(r"(//|#) Length: \S", line) for line in lines[:10])
        if len(lines) > LONGEST and not reason:
            yield f"{name}:1: {len(lines)} lines, more than {LONGEST}, and no '// Length:' reason on top"


def dead_files(tree):
    """Every source stands in the CMakeLists.txt of its folder, or of the nearest one above."""
    for name in tree.files(suffixes={".cpp", ".cu"}):
        folder = pathlib.PurePosixPath(name).parent
        while not (tree.root / folder / "CMakeLists.txt").is_file():
            if folder.as_posix() == ".":
                break
            folder = folder.parent
        listing = folder / "CMakeLists.txt"
        wanted = pathlib.PurePosixPath(name).relative_to(folder).as_posix()
        lists = tree.text(listing) if (tree.root / listing).is_file() else ""
        words = {word for line in lists.splitlines() for word in re.split(r"[\s()]+", line.split("#")[0])}
        if wanted not in words:
            yield f"{name}:1: not listed in {listing}"


def top_level(tree):
    """The rooms, and nothing beside them."""
    for path in sorted(tree.root.iterdir()):
        known = path.name in TOP_LEVEL or path.name.startswith(".") or UNTRACKED.fullmatch(path.name)
        if not known:
            yield f"{path.name}:1: not one of the fixed entries of the top level"


def headers(tree):
    """A header opens with its contract, then #pragma once."""
    for name in tree.files(suffixes={".hpp", ".cuh"}):
        lines = [line for _, line in tree.lines(name)]
        if not lines or not re.match(r"// \S", lines[0]):
            yield f"{name}:1: the first line is not the comment that states the header's contract"
        if "#pragma once" not in lines:
            yield f"{name}:1: no #pragma once"


def leftovers(tree):
    """Nothing is left open in the tree, and nothing names one machine's folders."""
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
    machine = re.compile(r"(?<![\w.$}>)-])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers|mn" r"t)/\w")
    top = [path.name for path in tree.root.iterdir() if path.is_file() and path.name in TOP_LEVEL]
    for name in (*tree.files(suffixes=TEXT), *top):
        for number, line in tree.lines(name):
            if marks.search(line):
                yield f"{name}:{number}: left open: {line.strip()}"
            if machine.search(line):
                yield f"{name}:{number}: a path of one machine: {line.strip()}"


RULES = {
    rule.__name__: rule
    for rule in (include_direction, public_headers, foreign_headers, conditionals, length, dead_files,
                 top_level, headers, leftovers)
}


class SelfTest(unittest.TestCase):
    """Each rule passes on a good tree and names the file that breaks it in a bad one."""

    GOOD = {
        "CMakeLists.txt": "",
        "README.md": "# fine\n",
        "src/CMakeLists.txt": "add_library(core STATIC\n  engine.cpp backends.cpp)\n",
        "src/ballast/types.hpp": "// Values.\n#pragma once\n#include <vector>\n",
        "src/ballast/engine.hpp": "// Door.\n#pragma once\n#include <ballast/types.hpp>\n",
        "src/graph.hpp": "// Graph.\n#pragma once\n#include <oneapi/tbb/flow_graph.h>\n",
        "src/engine.cpp": '#include <ballast/engine.hpp>\n#include "graph.hpp"\n#include <fmt/core.h>\n',
        "src/backends.cpp": '#include "cpu/arena.hpp"\n',
        "cpu/CMakeLists.txt": "add_library(cpu STATIC arena.cpp)\n",
        "cpu/arena.hpp": "// Arena.\n#pragma once\n#include <ballast/types.hpp>\n#include <xsimd/xsimd.hpp>\n",
        "cpu/arena.cpp": '#include "arena.hpp"\n#include <sys/mman.h>\n',
        "comm/CMakeLists.txt": "add_library(comm STATIC nccl_ranks.cpp)\n",
        "comm/nccl_ranks.cpp": '#include "gpu/stream.hpp"\n',
        "gpu/stream.hpp": "// Stream.\n#pragma once\n",
        "tests/cpu/CMakeLists.txt": "room_tests(cpu SOURCES arena_test.cpp)\n",
        "tests/cpu/arena_test.cpp": '#include "cpu/arena.hpp"\n#include "comm/any.hpp"\n',
    }

    # rule -> files which, added to the good tree, each break it
    BAD = {
        "include_direction": [
            ("src/engine.cpp", '#include "cpu/arena.hpp"\n'),
            ("src/graph.hpp", '// G.\n#pragma once\n#include "../cpu/arena.hpp"\n'),
            ("cpu/arena.cpp", '#include "gpu/stream.hpp"\n'),
            ("cpu/arena.cpp", '#include "graph.hpp"\n'),
            ("comm/one_rank.cpp", '#include "gpu/stream.hpp"\n'),
            ("comm/nccl_ranks.cpp", '#include "gpu/kernels.hpp"\n'),
            ("nvme/ring.cpp", '#include "tools/command/size_text.hpp"\n'),
            ("src/backends.cpp", '#include "tools/main.hpp"\n'),
        ],
        "public_headers": [
            ("src/ballast/types.hpp", "// V.\n#pragma once\n#include <fmt/core.h>\n"),
            ("src/ballast/types.hpp", '// V.\n#pragma once\n#include "graph.hpp"\n'),
            ("src/ballast/types.hpp", "// V.\n#pragma once\n#include <oneapi/tbb/task.h>\n"),
        ],
        "foreign_headers": [
            ("src/engine.cpp", "#include <cuda_runtime.h>\n"),
            ("src/engine.cpp", "#include <mpi.h>\n"),
            ("src/engine.cpp", "#  include <liburing.h>\n"),
            ("src/graph.hpp", "// G.\n#pragma once\n#include <xsimd/xsimd.hpp>\n"),
        ],
        "conditionals": [
            ("cpu/arena.cpp", "#ifdef __AVX512F__\n#endif\n"),
            ("tests/cpu/arena_test.cpp", "#  if 0\n#endif\n"),
            ("src/graph.hpp", "// G.\n#ifndef GUARD\n#endif\n"),
        ],
        "length": [
            ("cpu/arena.cpp", "int x;\n" * (LONGEST + 1)),
            ("cpu/arena.cpp", "// Length:\n" + "int x;\n" * LONGEST),
        ],
        "dead_files": [
            ("cpu/forgotten.cpp", ""),
            ("cpu/kernels/forgotten.cpp", ""),
            ("gpu/adamw.cu", ""),
            ("cpu/CMakeLists.txt", "add_library(cpu STATIC)  # arena.cpp\n"),
        ],
        "top_level": [("docs/notes.md", ""), ("Makefile", "")],
        "headers": [
            ("cpu/arena.hpp", "#pragma once\n"),
            ("cpu/arena.hpp", "// Arena.\n"),
        ],
        "leftovers": [
            ("cpu/arena.cpp", "// TO" "DO later\n"),
            ("README.md", "run /ho" "me/me/ballast\n"),
            ("tools/demo", "cd /ro" "ot/ballast\n"),
        ],
    }

    def breaches(self, rule, extra=()):
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**self.GOOD, **dict(extra)}.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return list(RULES[rule](Tree(root)))

    def test_every_rule_has_a_bad_tree(self):
        self.assertEqual(set(self.BAD), set(RULES))

    def test_good_tree_passes(self):
        for rule in RULES:
            with self.subTest(rule=rule):
                self.assertEqual(self.breaches(rule), [])

    def test_bad_files_are_named(self):
        for rule, files in self.BAD.items():
            for name, text in files:
                with self.subTest(rule=rule, file=name, text=text[:60]):
                    found = self.breaches(rule, [(name, text)])
                    # A list that lost its entry is reported at the source that is now dead.
                    blamed = "cpu/arena.cpp" if name.endswith("CMakeLists.txt") else name.split("/")[0]
                    self.assertTrue(any(line.startswith(blamed) for line in found), found)

    def test_a_stated_reason_permits_length(self):
        text = "// Length: one table, nothing to split\n" + "int x;\n" * LONGEST
        self.assertEqual(self.breaches("length", [("cpu/arena.cpp", text)]), [])


def main(arguments):
    if arguments == ["--self-test"]:
        return unittest.main(argv=sys.argv[:1])
    root, rule = arguments
    tree = Tree(root)
    if not any(tree.files()):
        print(f"{root}: no sources there")
        return 1
    found = list(RULES[rule](tree))
    print("\n".join(found) or f"{rule}: holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
