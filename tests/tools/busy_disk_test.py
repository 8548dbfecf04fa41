#!/usr/bin/env python3
"""Does the disk always have something to do while tiles are updated?

    busy_disk_test.py BALLAST FOLDER STEPS

Trains with the state of 18 tiles on NVMe and looks at the trace of every step but the first, between the
first tile's read and the last tile's write:

  busy   the share of that time with a transfer under way, at least 99 %
  idle   the share of the time until the last read in which a tile waited to be read, a carrier was free,
         and no read was under way, at most 1 %

Both of the median step: other processes may hold up one. The same with one tile under way must fail, so
the test can. Prints the figures for some more depths of requests. Exits with 77 in a folder that is no disk.
"""
import collections
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

BUSY, IDLE = 0.99, 0.01
CARRIERS = 4
TRIES = 3


def train(ballast, folder, steps, *options):
    """The spans of every update: a list of {"read": {tile: (begin, end)}, "write": the same}."""
    subprocess.run(
        [ballast, "train", "--layers", "4", "--width", "512", "--heads", "8", "--context", "64", "--tokens", "64",
         "--sequences", "1", "--tile-elements", "1Mi", "--nvme", ".", "--placement", "0,0", "--steps", str(steps),
         "--sample-tokens", "0", "--validation-windows", "2", "--trace", "trace.json", *options],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    spans = collections.defaultdict(list)
    for event in json.loads((folder / "trace.json").read_text())["traceEvents"]:
        if event["ph"] == "X" and event["cat"] in ("read", "write"):
            spans[event["name"]].append((event["ts"], event["ts"] + event["dur"]))
    updates = []
    for step in range(1, steps):
        update = {"read": {}, "write": {}}
        for name, seen in spans.items():
            assert len(seen) == steps, (name, len(seen))
            what, tile = name.split(" ", 1)
            update[what][tile] = sorted(seen)[step]
        assert update["read"].keys() == update["write"].keys() and len(update["read"]) >= 12
        updates.append(update)
    return updates


def covered(spans):
    """How long at least one of them lasts."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def busy_share(update):
    spans = [*update["read"].values(), *update["write"].values()]
    return covered(spans) / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def idle_share(update, carriers):
    """From read to write a tile has a carrier."""
    reads = update["read"]
    first, last = min(begin for begin, _ in reads.values()), max(begin for begin, _ in reads.values())
    changes = [change for tile in reads for change in
               ((reads[tile][0], 1, 1), (reads[tile][1], 0, -1), (update["write"][tile][1], -1, 0))]
    held = reading = 0
    idle, before = 0.0, first
    for at, carrier, read in sorted(changes):
        if at > last:
            break
        if held < carriers and reading == 0:
            idle += at - before
        held, reading, before = held + carrier, reading + read, at
    return idle / (last - first)


def figures(ballast, folder, steps, carriers, *options):
    """Of the median step."""
    updates = train(ballast, folder, steps, "--pipeline-depth", str(carriers), *options)
    return (statistics.median(map(busy_share, updates)),
            statistics.median(idle_share(each, carriers) for each in updates))


def main():
    ballast, folder, steps = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], check=True, capture_output=True, text=True).stdout
    if kind.strip() in ("tmpfs", "overlayfs"):
        print(f"{folder} is on {kind.strip()}")
        sys.exit(77)
    for depth in ("4", "16"):
        busy, idle = figures(ballast, folder, steps, CARRIERS, "--io-depth", depth)
        print(f"--io-depth {depth}: a transfer under way {busy:.2%} of an update; a carrier idle {idle:.2%}")
    for _ in range(TRIES):
        busy, idle = figures(ballast, folder, steps, CARRIERS)
        print(f"the default: a transfer under way {busy:.2%} of an update; a carrier idle {idle:.2%}")
        if busy >= BUSY and idle <= IDLE:
            break
    else:
        sys.exit(f"wanted {BUSY:.0%} and {IDLE:.0%} at most")
    busy, idle = figures(ballast, folder, steps, 1)
    print(f"one tile under way: a transfer under way {busy:.2%} of an update")
    if busy >= BUSY:
        sys.exit("one tile under way keeps the disk as busy: this measures nothing")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
