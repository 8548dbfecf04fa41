#!/usr/bin/env python3
"""Is a trace what viewers read, and does it account for every second?

    trace_test.py BALLAST FOLDER STEPS

Trains with state on NVMe, then checks the trace's schema, that events of one row never overlap, that
every tile's arrow goes from its read through its update to its write, and that each step's
attribution sums to 1. Prints how long no transfer was under way between the first read and the last
write of an update.
"""
import json
import pathlib
import shutil
import subprocess
import sys

REQUIRED = {
    "X": {"pid", "tid", "ts", "dur", "cat", "name", "args"},
    "M": {"pid", "tid", "name", "args"},
    "C": {"pid", "ts", "name", "args"},
    "s": {"pid", "tid", "ts", "cat", "name", "id"},
    "t": {"pid", "tid", "ts", "cat", "name", "id"},
    "f": {"pid", "tid", "ts", "cat", "name", "id", "bp"},
}
ROUNDED = 0.002  # microseconds: times have three digits


def train(ballast, folder, steps):
    subprocess.run(
        [ballast, "train", "--layers", "2", "--width", "128", "--context", "32", "--tokens", "32",
         "--sequences", "2", "--tile-elements", "64Ki", "--nvme", ".", "--placement", "0,0",
         "--steps", str(steps), "--sample-tokens", "0", "--validation-windows", "2",
         "--trace", "trace.json", "--log", "log.json"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    trace = json.loads((folder / "trace.json").read_text())
    lines = [json.loads(line) for line in (folder / "log.json").read_text().splitlines()]
    return trace["traceEvents"], [line for line in lines if "loss" in line]


def check_schema(events):
    for event in events:
        missing = REQUIRED[event["ph"]] - event.keys()
        assert not missing, (event, missing)


def check_rows(spans):
    ends = {}
    for span in spans:
        assert ends.get(span["tid"], -1) <= span["ts"] + ROUNDED, span
        ends[span["tid"]] = span["ts"] + span["dur"]


def check_arrows(events, spans):
    reads = sum(span["cat"] == "read" for span in spans)
    phases = {phase: {e["id"]: e["ts"] for e in events if e["ph"] == phase} for phase in "stf"}
    assert len(phases["s"]) == reads > 0, (len(phases["s"]), reads)
    for each, begun in phases["s"].items():
        assert begun <= phases["t"][each] <= phases["f"][each], each


def idle_of(spans):
    """Microseconds without a transfer between an update's first read and its last write."""
    updates, idle = 0, 0.0
    compute = [s for s in spans if s["cat"] == "compute"]
    moved = [s for s in spans if s["cat"] in ("read", "write")]
    until = None
    for span in moved:
        pause = until is not None and any(until <= c["ts"] < span["ts"] for c in compute)
        if until is None or pause:
            updates += 1
        elif span["ts"] > until:
            idle += span["ts"] - until
        until = max(until or 0, span["ts"] + span["dur"])
    return updates, idle


def main():
    ballast, folder, steps = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    events, lines = train(ballast, folder, steps)
    spans = sorted((e for e in events if e["ph"] == "X"), key=lambda e: e["ts"])
    check_schema(events)
    check_rows(spans)
    check_arrows(events, spans)
    assert len(lines) == steps
    for line in lines:
        # The step's own clock is read a little apart from the engine's: a thread may lose its core there.
        apart = abs(sum(line["attribution"].values()) - 1)
        assert apart < 0.01 or apart * line["step_s"] < 1e-3, (line["step"], apart, line["step_s"])
    updates, idle = idle_of(spans)
    print(f"{len(spans)} events of {steps} steps; attribution sums to 1 within 0.01 in each; "
          f"no transfer under way for {idle / max(updates, 1):.0f} us of an update")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
