"""A long run takes no more memory and no more descriptors at its end than at its beginning.

soak_test.py BALLAST FOLDER SECONDS: trains with everything on NVMe, saving every 50 steps, for half
of SECONDS; samples resident memory and open descriptors from step 20 on and prints the extremes. Then
kills it and lets it go on for a few steps. For the other half on two folders, with updates that begin
during backward.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

WARM_UP = 20  # steps
MOST_GROWTH = 4 << 20  # bytes of resident memory


def resident(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# One folder; two, and updates early as long as nothing is clipped.
VARIANTS = {"one folder": ["--nvme", "disk/one"],
            "two folders, early updates": ["--nvme", "disk/one:64MiB", "--nvme", "disk/two:64MiB",
                                           "--undo-memory", "1MiB", "--clip", "100"]}


def command(ballast, steps, variant, extra):
    return [ballast, "train", "--layers", "2", "--width", "128", "--heads", "2", "--sequences", "2",
            "--tokens", "32", "--context", "32", "--steps", str(steps), "--sample-tokens", "0",
            "--validation-windows", "4", "--placement", "0,0", "--tile-elements",
            "16Ki", "--checkpoint", "checkpoints", "--save-every", "50", "--log", "-", *variant,
            *extra]


def soak(ballast, folder, seconds, name):
    variant = VARIANTS[name]
    shutil.rmtree(folder, ignore_errors=True)
    for each in ("one", "two"):
        (folder / "disk" / each).mkdir(parents=True)
    run = subprocess.Popen(command(ballast, 1 << 40, variant, []), cwd=folder,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    end = time.monotonic() + seconds
    memory, files, step, early = [], [], 0, 0
    for line in run.stdout:
        record = json.loads(line) if line.startswith("{") else {}
        step = record.get("step", step)
        early += record.get("early_tiles", 0)
        if "loss" in record and step >= WARM_UP and step % 10 == 0:
            memory.append(resident(run.pid))
            files.append(descriptors(run.pid))
        if time.monotonic() > end:
            break
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    print(f"{name}: {step} steps in {seconds:.0f} s, {early} tiles updated early; resident memory "
          f"{min(memory) / 2**20:.1f} to {max(memory) / 2**20:.1f} MiB, {min(files)} to {max(files)} "
          f"descriptors")
    if (early > 0) != ("--undo-memory" in variant):
        sys.exit(f"{early} tiles were updated early")
    if max(memory) - memory[0] > MOST_GROWTH:
        sys.exit(f"resident memory grew from {memory[0]} to {max(memory)} bytes")
    # A save opens its file for a while.
    at_last = min(files[-10:])
    if max(files) > files[0] + 8 or at_last > files[0]:
        sys.exit(f"descriptors: {files[0]} at first, {at_last} at last, {max(files)} at most")
    left = on_disk(folder)
    saved = step // 50 * 50
    went_on = subprocess.run(command(ballast, step + 60, variant, ["--resume"]), cwd=folder,
                             capture_output=True, text=True, timeout=300)
    if saved > 0 and went_on.returncode != 0:
        sys.exit(went_on.stderr[-2000:])
    now = on_disk(folder)
    # How two folders share depends on what was measured: to a sector each.
    if saved > 0 and abs(now - left) > 4096 * len(list((folder / "disk").iterdir())):
        sys.exit(f"{left} bytes on disk before the run went on, {now} after")
    shutil.rmtree(folder)


def on_disk(folder):
    return sum(each.stat().st_size for each in (folder / "disk").rglob("segment-*"))


def main():
    ballast, folder, seconds = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), float(sys.argv[3])
    for name in VARIANTS:
        soak(ballast, folder, seconds / len(VARIANTS), name)


if __name__ == "__main__":
    main()
