#!/usr/bin/env python3
"""Is what `ballast plan` says what `ballast train` does? Places to the byte, and the time of a step.

usage: check_plan.py BALLAST NVME_FOLDER [--only NAME ...] [--rows FILE] [--steps N] [--rounds N]
                     [--tries N]

For every configuration: the plan, then a run with the same options. Bytes are those that the kernel
counts while the run trains: of each place's memory what is resident (/proc/PID/smaps; the engine's
mappings are those that ask for 2 MiB pages, the device's is made first), of its files what they take on
disk. Plans and runs take turns; a row is the median of its plans and that of all its steps but the first
two of each run. A row counts when other processes left the processors alone meanwhile, and is taken again
when they did not. Prints a Markdown table; --rows keeps the rows in a file and adds to those that are
there, so that configurations may be run one at a time.
Needs only the standard library.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

PLACES = ("device", "host", "nvme")
MIB = 1 << 20
# Memory is held in pages of 2 MiB, which a plan does not count: less than two of them say nothing.
LEAST = 4 * MIB
# Cores' worth of other work that a row may have beside it: the kernel's own for the disk is about half.
QUIET = 0.2


def model(layers, width, encoding="exact", sequences=8, tokens=64, **more):
    options = {"layers": layers, "width": width, "heads": width // 64, "encoding": encoding,
               "sequences": sequences, "tokens": tokens, **more}
    return [word for name, value in options.items()
            for word in ("--" + name.replace("_", "-"), str(value))]


# Name, options, and which part of the tiles on NVMe is to be cached in host memory.
CONFIGURATIONS = [
    ("resident, exact", [*model(8, 512), "--placement", "1,0"], 0),
    ("resident, fp32", [*model(6, 384, "fp32", tokens=128), "--placement", "1,0"], 0),
    ("host, exact", [*model(8, 512), "--placement", "0,1"], 0),
    ("host, int8, tiles of 256 Ki", [*model(12, 512, "int8"), "--placement", "0,1", "--tile-elements",
                                     "256Ki"], 0),
    ("nvme, exact", [*model(8, 512), "--placement", "0,0"], 0),
    ("nvme, exact, 60 M, 128 tokens", [*model(12, 640, sequences=2), "--placement", "0,0"], 0),
    ("nvme, exact, tiles of 256 Ki, depth 8", [*model(8, 512), "--placement", "0,0", "--tile-elements",
                                               "256Ki", "--pipeline-depth", "8"], 0),
    ("nvme, exact, depth 1", [*model(8, 512), "--placement", "0,0", "--pipeline-depth", "1"], 0),
    ("nvme, fp32", [*model(6, 512, "fp32"), "--placement", "0,0"], 0),
    ("nvme, bf16", [*model(12, 512, "bf16"), "--placement", "0,0"], 0),
    ("nvme, int8", [*model(12, 512, "int8"), "--placement", "0,0"], 0),
    ("nvme, exact, a third cached", [*model(12, 512), "--placement", "0,0"], 1 / 3),
    ("nvme, exact, 4 micro-batches", [*model(6, 384, sequences=4, micro_batches=4), "--placement",
                                      "0,0"], 0),
    ("device, host and nvme, exact", [*model(12, 512), "--placement", "0.3,0.3"], 0),
    ("device and nvme, bf16, 8 x 128 tokens", [*model(8, 384, "bf16", tokens=128), "--placement",
                                               "0.5,0"], 0),
    ("nvme, adam fp16, kept activations", [*model(8, 448, "fp16", sequences=4), "--optimizer", "adam",
                                           "--keep-activations", "--placement", "0,0"], 0),
]


class Others:
    """How busy other processes were since this was made, in cores."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        ticks = [int(each) for each in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        idle, waiting, stolen = ticks[3], ticks[4], ticks[7]
        busy = (sum(ticks) - idle - waiting - stolen) / os.sysconf("SC_CLK_TCK")
        own = sum(used.ru_utime + used.ru_stime for used in map(
            resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        return busy - own, time.monotonic()

    def cores(self):
        busy, when = self.now()
        return (busy - self.before[0]) / (when - self.before[1])


def planned(ballast, options):
    done = subprocess.run([ballast, "plan", *options, "--json", "-"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"check_plan: {' '.join(options)}: {done.stderr}")
    return json.loads(done.stdout)


def with_cache(ballast, options, part):
    """The options with a host budget that caches this part of the tiles on NVMe."""
    if part == 0:
        return options
    other_machine = ["--flops", "1e12", "--link", "1GB/s", "--nvme-bandwidth", "1GB/s,1GB/s"]
    places = planned(ballast, options + other_machine)["places"]
    staging = next(each for each in places["host"]["consumers"] if each["name"].startswith("staging"))
    tile = staging["bytes"] // int(re.search(r"(\d+) tiles", staging["name"]).group(1))
    cached = round(places["nvme"]["tiles"] * part)
    return [*options, "--host-memory", f"{places['host']['total'] + cached * tile}B"]


def memory_of(pid):
    """Resident bytes of the mappings that ask for 2 MiB pages, in the order in which they were made."""
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Rss:"):
            resident = int(line.split()[1]) * 1024
        elif line.startswith("VmFlags:") and " hg" in line and resident > 0:
            found.append(resident)
    return found[::-1]  # each new one lies below


def files_of(pid, folder):
    """Bytes that the process's open files in a folder take on the disk."""
    total = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        try:
            if os.readlink(path).startswith(folder):
                total += os.stat(path).st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def trained(ballast, options, steps, folder):
    """What a run holds while it trains, and the log's lines of its steps from the third on."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as log:
        words = [ballast, "train", *options, "--steps", str(steps), "--validation-windows", "1",
                 "--sample-tokens", "0", "--log", log.name]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            held = None
            while held is None and run.poll() is None:
                time.sleep(0.01)
                memory = memory_of(run.pid)
                if memory and '"step_s"' in pathlib.Path(log.name).read_text():
                    held = {"device": memory[0], "host": sum(memory[1:]),
                            "nvme": files_of(run.pid, os.path.realpath(folder))}
            problem = run.stderr.read()
        if run.returncode != 0 or held is None:
            sys.exit(f"check_plan: {' '.join(words)}: {problem}")
        lines = [json.loads(line) for line in log.read().splitlines()]
    return held, [line for line in lines if "step_s" in line][2:]


def medians(pairs):
    """Of each number of equal dictionaries."""
    return {key: statistics.median(each[key] for each in pairs) for key in pairs[0]}


def check(ballast, folder, steps, rounds, configuration):
    """Plans and runs in turn, so that what the machine does meanwhile happens to both."""
    name, options, cached = configuration
    options = with_cache(ballast, [*options, "--nvme", folder], cached)
    others = Others()
    plans, held, lines = [], [], []
    for _ in range(rounds):
        plans.append(planned(ballast, options))
        of_run, steady = trained(ballast, options, steps, folder)
        held.append(of_run)
        lines += steady
    plan = plans[-1]
    attributions = medians([each["step"]["attribution"] for each in plans])
    measured = medians([each["attribution"] for each in lines])
    return {"name": name, "parameters": plan["parameters"], "binds": plan["step"]["binds"],
            "predicted_s": statistics.median(each["step"]["seconds"] for each in plans),
            "measured_s": statistics.median(line["step_s"] for line in lines),
            "bytes": {place: [plan["places"][place]["total"], max(each[place] for each in held)]
                      for place in PLACES},
            "moved": {hop: [plan["step"]["bytes"][hop], lines[-1]["bytes"][hop]]
                      for hop in plan["step"]["bytes"]},
            "attribution": {what: [share, measured[what]] for what, share in attributions.items()},
            "machine": medians([{each["name"]: each["value"] for each in one["machine"]}
                                for one in plans]),
            "others": others.cores()}


def check_in_peace(ballast, folder, asked, configuration):
    """The first row that nothing disturbed, or the least disturbed of all."""
    best = None
    for _ in range(asked.tries):
        row = check(ballast, folder, asked.steps, asked.rounds, configuration)
        if best is None or row["others"] < best["others"]:
            best = row
        if best["others"] <= QUIET:
            break
    return best


def size_cell(pair):
    predicted, measured = pair
    if max(pair) < LEAST:
        return "-"
    return f"{predicted / MIB:.1f} / {measured / MIB:.1f} ({predicted / measured:.3f})"


def table(rows):
    lines = ["| configuration | M parameters | device, MiB | host, MiB | nvme, MiB | step, s | ratio |"
             " binds |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = [row["name"], f"{row['parameters'] / 1e6:.1f}",
                 *(size_cell(row["bytes"][place]) for place in PLACES),
                 f"{row['predicted_s']:.3f} / {row['measured_s']:.3f}",
                 f"{row['predicted_s'] / row['measured_s']:.2f}", row["binds"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(rows):
    off = [abs(row["predicted_s"] / row["measured_s"] - 1) for row in rows]
    sizes = [abs(predicted / measured - 1) for row in rows
             for predicted, measured in row["bytes"].values() if max(predicted, measured) >= LEAST]
    moved = sum(predicted != measured for row in rows for predicted, measured in row["moved"].values())
    return (f"{len(rows)} configurations: step time within 10 % in {sum(each <= 0.10 for each in off)}, "
            f"within 20 % in {sum(each <= 0.20 for each in off)}, at most {max(off):.1%} off; "
            f"bytes per place at most {max(sizes):.2%} off; {moved} links moved other than planned")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ballast")
    parser.add_argument("folder", help="on the disk that is to be used")
    parser.add_argument("--only", action="append", help="name of a configuration")
    parser.add_argument("--rows", type=pathlib.Path, help="file that keeps rows")
    parser.add_argument("--steps", type=int, default=9, help="of a run")
    parser.add_argument("--rounds", type=int, default=3, help="a plan and a run each, for a row")
    parser.add_argument("--tries", type=int, default=5, help="of a row that is disturbed")
    asked = parser.parse_args()
    rows = json.loads(asked.rows.read_text()) if asked.rows and asked.rows.exists() else []
    for configuration in CONFIGURATIONS:
        if asked.only and configuration[0] not in asked.only:
            continue
        row = check_in_peace(asked.ballast, asked.folder, asked, configuration)
        print(f"{row['name']}: {row['predicted_s']:.3f} s, measured {row['measured_s']:.3f} s, others "
              f"took {row['others']:.2f} cores", file=sys.stderr)
        rows = [each for each in rows if each["name"] != row["name"]] + [row]
        if asked.rows:
            asked.rows.write_text(json.dumps(rows, indent=1))
    print(table(rows))
    print(verdict(rows))


if __name__ == "__main__":
    main()
