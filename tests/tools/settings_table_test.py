"""README's settings tables are those of the command itself.

  settings_table_test.py BALLAST README           exits 1 when a table differs, and says how to write it
  settings_table_test.py BALLAST README --write   writes them

A table stands between '<!-- settings of COMMAND -->' and '<!-- end of settings -->'. What stands in the
table of train is not said again in those of other commands.
"""

import pathlib
import re
import subprocess
import sys

TABLE = re.compile(r"(<!-- settings of (\w+) -->\n)(.*?)(<!-- end of settings -->)", re.DOTALL)
REQUIRED = {"train", "plan"}


def table_of(ballast, command):
    words = [ballast, command, "--help=markdown"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def own_table_of(ballast, command):
    """Without what train has too, and without titles under which nothing is left."""
    if command == "train":
        return table_of(ballast, command)
    said = {line for line in table_of(ballast, "train").splitlines() if line.startswith("| `")}
    lines = [line for line in table_of(ballast, command).splitlines() if line not in said]
    titled = zip(lines, lines[1:] + [""])
    return "".join(line + "\n" for line, below in titled
                   if not line.startswith("| **") or below.startswith("| `"))


def main(ballast, readme, *mode):
    path = pathlib.Path(readme)
    text = path.read_text(encoding="utf-8")
    shown = TABLE.sub(lambda found: found[1] + own_table_of(ballast, found[2]) + found[4], text)
    missing = REQUIRED - {found[2] for found in TABLE.finditer(text)}
    if missing:
        print(f"{readme}: no table of settings of {', '.join(sorted(missing))}")
        return 1
    if mode == ("--write",):
        path.write_text(shown, encoding="utf-8")
    elif shown != text:
        print(f"{readme}: the settings differ from the command's; write them with")
        print(f"  python3 tests/tools/settings_table_test.py {ballast} README.md --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
