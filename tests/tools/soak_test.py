"""A long run takes no more memory and no more descriptors at its end than at its beginning.

soak_test.py BALLAST FOLDER SECONDS: trains with everything on NVMe, saving every 50 steps, for
SECONDS; samples resident memory and open descriptors from step 20 on and prints the extremes. Then
kills it and lets it go on for a few steps.
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


def command(ballast, folder, steps, extra):
    return [ballast, "train", "--layers", "2", "--width", "128", "--heads", "2", "--sequences", "2",
            "--tokens", "32", "--context", "32", "--steps", str(steps), "--sample-tokens", "0",
            "--validation-windows", "4", "--placement", "0,0", "--nvme", str(folder / "disk"),
            "--tile-elements", "16Ki", "--checkpoint", str(folder / "checkpoints"), "--save-every",
            "50", "--log", "-", *extra]


def main():
    ballast, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "disk").mkdir(parents=True)
    steps = 1 << 40
    run = subprocess.Popen(command(ballast, folder, steps, []), stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    end = time.monotonic() + seconds
    memory, files, step = [], [], 0
    for line in run.stdout:
        record = json.loads(line) if line.startswith("{") else {}
        step = record.get("step", step)
        if "loss" in record and step >= WARM_UP and step % 10 == 0:
            memory.append(resident(run.pid))
            files.append(descriptors(run.pid))
        if time.monotonic() > end:
            break
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    print(f"{step} steps in {seconds:.0f} s; resident memory {min(memory) / 2**20:.1f} to "
          f"{max(memory) / 2**20:.1f} MiB, {min(files)} to {max(files)} descriptors")
    if max(memory) - memory[0] > MOST_GROWTH:
        sys.exit(f"resident memory grew from {memory[0]} to {max(memory)} bytes")
    # A save opens its file for a while.
    at_last = min(files[-10:])
    if max(files) > files[0] + 8 or at_last > files[0]:
        sys.exit(f"descriptors: {files[0]} at first, {at_last} at last, {max(files)} at most")
    left = sum(each.stat().st_size for each in (folder / "disk").rglob("segment-*"))
    saved = step // 50 * 50
    went_on = subprocess.run(command(ballast, folder, step + 60, ["--resume"]),
                             capture_output=True, text=True, timeout=300)
    if saved > 0 and went_on.returncode != 0:
        sys.exit(went_on.stderr[-2000:])
    now = sum(each.stat().st_size for each in (folder / "disk").rglob("segment-*"))
    if saved > 0 and now != left:
        sys.exit(f"{left} bytes on disk before the run went on, {now} after")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
