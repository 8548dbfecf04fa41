"""Does code for AVX and AVX-512 stay in the files that are compiled for it?

  instruction_check.py OBJECT...

A function compiled for a wide instruction set may only run where the processor was asked first, so
wide instructions outside of the files named here would stop older machines. Prints every object
that breaks the rule and exits 1; needs objdump.
"""

import re
import subprocess
import sys

# Object files by the widest instructions they may hold.
AVX512 = re.compile(r"(cpu/.*kernels/avx512\.cpp|tools/trainer/.*kernels_avx512\.cpp|"
                    r"tools/bench/.*(traffic|passes)_avx512\.cpp|comm/.*sum_loops_avx512\.cpp)\.o$")
AVX2 = re.compile(r"(cpu/.*kernels/avx2\.cpp|tools/trainer/.*kernels_avx2\.cpp|"
                  r"tools/bench/.*traffic_avx2\.cpp|comm/.*sum_loops_avx2\.cpp)\.o$")

# 64-byte registers, mask registers, and the registers that only EVEX encodes.
WIDE = re.compile(r"%zmm|%k[0-7]\b|%[xy]mm(1[6-9]|2[0-9]|3[01])\b")
# Any VEX instruction: its name begins with v, its operands are vector registers.
VEX = re.compile(r"\tv[a-z0-9]+ .*%[xy]mm")


def allowed_of(name):
    return 2 if AVX512.search(name) else 1 if AVX2.search(name) else 0


def widest_in(name):
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", name], check=True,
                          capture_output=True, text=True).stdout
    widest = 0
    for line in text.splitlines():
        if WIDE.search(line):
            return 2, line.strip()
        if widest == 0 and VEX.search(line):
            widest, found = 1, line.strip()
    return (widest, found) if widest else (0, "")


def main(objects):
    names = ("SSE2", "AVX2", "AVX-512")
    wide = 0
    broken = []
    for name in objects:
        widest, line = widest_in(name)
        wide += widest == 2
        if widest > allowed_of(name):
            broken.append(f"{name}: {names[widest]} in a file for {names[allowed_of(name)]}: {line}")
    for each in broken:
        print(each)
    if not wide:
        print("no object holds AVX-512 code: nothing was checked")
        return 1
    print(f"{len(objects)} objects, {wide} with AVX-512 code, {len(broken)} where it may not be")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
