#!/usr/bin/env python3
"""A run's memory, mappings and descriptors after its third step are those of its last one.

usage: steady_state_test.py BALLAST FOLDER STEPS
Trains with all state on NVMe, weights and gradients in host memory and on NVMe, updates early and not.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

WARM_UP = 3
ARENA = 64 << 20
# oneTBB's task objects, and the log's own buffers.
MOST_GROWTH = 1 << 20


def mappings(lines):
    """How many, without malloc's arenas: the C library makes one whenever two threads allocate at once. Each is
    64 MiB at a multiple of that, what is used of it and the rest."""
    ranges = [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in lines]
    count, i = 0, 0
    while i < len(ranges):
        begin, end = ranges[i]
        two = i + 1 < len(ranges) and ranges[i + 1][0] == end and ranges[i + 1][1] - begin == ARENA
        arena = begin % ARENA == 0 and (two or end - begin == ARENA)
        count += 0 if arena else 1
        i += 2 if arena and two else 1
    return count


def look(pid):
    """Resident bytes, mappings, descriptors."""
    process = pathlib.Path(f"/proc/{pid}")
    return (int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            mappings((process / "maps").read_text().splitlines()), len(os.listdir(process / "fd")))


def train(ballast, folder, steps, extra):
    """What was seen after every step from the third on, but for the last, which the process may end with."""
    run = subprocess.Popen(
        [ballast, "train", "--layers", "4", "--width", "128", "--heads", "4", "--sequences", "2", "--tokens", "64",
         "--context", "64", "--steps", str(steps), "--sample-tokens", "0", "--validation-windows", "4",
         "--placement", "0,0", "--nvme", str(folder), "--tile-elements", "32Ki", "--log", "-", *extra],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    seen = []
    for line in run.stdout:
        record = json.loads(line) if line.startswith("{") else {}
        if "loss" in record and WARM_UP <= record["step"] < steps - 1:
            seen.append(look(run.pid))
    assert run.wait() == 0
    return seen


def main():
    ballast, folder, steps = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    weights = ["--weights", "nvme"]
    for extra in ([], weights, [*weights, "--gradients", "nvme"], ["--undo-memory", "1MiB"],
                  ["--ranks", "2", "--stage", "3"], ["--ranks", "2", "--stage", "1"]):
        seen = train(ballast, folder, steps, extra)
        memory, mapped, descriptors = zip(*seen)
        print(f"{' '.join(extra) or 'weights in host memory'}: {len(seen)} steps, {min(memory) >> 10} to "
              f"{max(memory) >> 10} KiB resident, mappings {set(mapped)}, descriptors {set(descriptors)}")
        assert len(seen) > steps // 2
        assert max(memory) - memory[0] <= MOST_GROWTH, (memory[0], max(memory))
        assert len(set(mapped)) == 1 and len(set(descriptors)) == 1
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
