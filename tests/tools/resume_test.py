"""A training run that is killed goes on from its newest checkpoint, bit for bit.

resume_test.py BALLAST FOLDER [CASES]: an uninterrupted run, then CASES runs with other placements, on
one folder or two, some with tiles in the cache, some with updates that begin during backward and are
rolled back where the gradient is clipped, each killed (SIGKILL) at a random step, killed again while it is resumed
and loads, and resumed at last, perhaps elsewhere; every loss and gradient norm must be the
uninterrupted run's, and no dead run may be left on disk. Prints the number of cases. Then a run resumed
with other settings, each of which must be named, and with another noise seed, which is refused.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

STEPS = 24
MODEL = ["--layers", "2", "--width", "64", "--heads", "2", "--sequences", "2", "--tokens", "32",
         "--context", "32", "--steps", str(STEPS), "--sample-tokens", "0",
         "--clip", "2.7",  # the norm is between 1.6 and 4.2: some steps are clipped
         "--validation-windows", "4", "--log", "-"]
# And how many tiles' room the host budget leaves for the cache.
PLACES = [("0,0", 0), ("1,0", 0), ("0,1", 0), ("0.3,0.3", 0), ("0,0", 1), ("0,0", 4), ("0.3,0.3", 2)]
TILES = {"4096": 4096, "16Ki": 16384, "64Ki": 65536}
STATE_BYTES = 12  # no encoding stores more of an element
FOLDER_SIZE = "8MiB"  # more than all state; and no more is written to measure a folder


class Variant:
    """Where a run keeps its state, how it is cut, and whether it begins updates early."""

    def __init__(self, place, tile, folders=1, undo=False):
        self.where, self.cached = place
        self.tile, self.folders, self.undo = tile, folders, undo

    @staticmethod
    def drawn():
        return Variant(random.choice(PLACES), random.choice(list(TILES)), random.randint(1, 2),
                       random.random() < 0.5)

    def __repr__(self):
        return (f"{self.where} + {self.cached} cached, tiles of {self.tile}, {self.folders} folder(s)"
                f"{', early updates' if self.undo else ''}")


def command(ballast, encoding, of, disk, extra):
    tile, cached = of.tile, of.cached
    words = [ballast, "train", *MODEL, "--encoding", encoding, "--placement", of.where,
             "--tile-elements", tile, *extra]
    for i in range(of.folders):
        (disk / str(i)).mkdir(parents=True, exist_ok=True)
        words += ["--nvme", f"{disk / str(i)}:{FOLDER_SIZE}"]
    if of.undo:
        words += ["--undo-memory", "1MiB"]
    if cached == 0:
        return words
    refused = subprocess.run([*words, "--host-memory", "1"], capture_output=True, text=True,
                             timeout=60).stderr
    least = int(re.search(r"the plan needs (\d+) bytes", refused).group(1))
    return [*words, "--host-memory", str(least + cached * STATE_BYTES * TILES[tile])]


def records_in(lines):
    records = (json.loads(line) for line in lines if line.startswith("{"))
    return [each for each in records if "loss" in each]


def steps_in(lines):
    """step -> (loss, norm, scale), as printed: every digit counts."""
    return {each["step"]: (each["loss"], each["grad_norm"], each["loss_scale"])
            for each in records_in(lines)}


def counted_in(lines):
    """Tiles found in the cache, tiles updated early, and roll-backs."""
    return [sum(each[name] for each in records_in(lines))
            for name in ("cached_tiles", "early_tiles", "rolled_back")]


def whole_run(arguments):
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        sys.exit(f"{arguments}\n{run.stderr[-2000:]}")
    return run.stdout.splitlines()


def killed_run(arguments, at):
    """Until the record of step `at` has been seen."""
    run = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = []
    for line in run.stdout:
        lines.append(line)
        if at in steps_in([line]):
            break
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    return lines


def loads(process):
    """Whether it has a checkpoint's state open: before its first step, to read it."""
    try:
        folder = f"/proc/{process}/fd"
        return any("/state-" in os.readlink(f"{folder}/{each}") for each in os.listdir(folder))
    except FileNotFoundError:  # closed in between
        return False


def killed_load(arguments):
    """Killed while it loads, if that is met: whether it was."""
    run = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not loads(run.pid) and run.poll() is None:
        pass
    time.sleep(random.uniform(0, 0.004))
    run.send_signal(signal.SIGSTOP)
    met = loads(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    return met


def train_with(ballast, checkpoint, disk, *more, **changed):
    """The model with other settings: what it says, and its exit code."""
    model = dict(zip(MODEL[::2], MODEL[1::2]))
    options = model | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    run = subprocess.run([ballast, "train", *(word for each in options.items() for word in each),
                          "--nvme", str(disk), "--checkpoint", str(checkpoint), *more],
                         capture_output=True, text=True, timeout=300)
    return run.returncode, run.stderr


def check_differences(ballast, folder, disk):
    """Settings that change the losses and no shape are a line each."""
    def train(*more, **changed):
        code, said = train_with(ballast, folder / "other", disk, *more, **changed)
        if code != 0:
            sys.exit(said[-2000:])
        return sorted(re.findall(r"(--\S+) is .*the losses will differ", said))

    train(steps="1")
    wanted = ["--beta1", "--clip", "--heads", "--steps", "--weight-decay"]
    said = train("--resume", steps="2", heads="4", beta1="0.8", clip="0.5", weight_decay="0.05")
    if said != wanted:
        sys.exit(f"resumed with other {wanted}, it names {said}")


def check_noise_seed(ballast, folder, disk):
    """The checkpoint's goes on; another one is refused where rounding is stochastic."""
    def train(encoding, *more, seed, steps):
        return train_with(ballast, folder / f"seed-{encoding}", disk, *more, encoding=encoding,
                          noise_seed=seed, steps=steps)

    for encoding, wanted in [("int8", 2), ("bf16", 2), ("exact", 0)]:
        train(encoding, seed="7", steps="1")
        code, said = train(encoding, "--resume", seed="8", steps="2")
        if code != wanted or (wanted and "give --noise-seed 7" not in said):
            sys.exit(f"{encoding} resumed with another noise seed: exit {code}, {said[-2000:]}")
        code, said = train(encoding, "--resume", seed="7", steps="2") if wanted else (0, "")
        if code != 0:
            sys.exit(f"{encoding} resumed with its noise seed: exit {code}, {said[-2000:]}")


def one_case(ballast, case, folder, reference, encoding):
    """What counted_in() counts, and whether the load was met."""
    checkpoint, disk = folder / f"checkpoint-{case}", folder / f"disk-{case}"
    every = random.randint(1, 4)
    at = random.randint(every + 1, STEPS - 1)
    kept = random.randint(1, 2)
    keep = ["--checkpoint", str(checkpoint), "--save-every", str(every), "--keep-checkpoints",
            str(kept)]
    # A step is logged, then saved: the one before the kill is safe.
    saved = (at - 1) // every * every
    before, between, after = (Variant.drawn() for _ in range(3))
    what = (f"case {case}: {encoding}, {before}, then {between}, then {after}, killed at step {at}, "
            f"saved every {every}")
    first = killed_run(command(ballast, encoding, before, disk, keep), at)
    resume = [*keep, "--resume"]
    met = killed_load(command(ballast, encoding, between, disk, resume))
    second = whole_run(command(ballast, encoding, after, disk, resume))
    steps = steps_in(second)
    # A kill that came late may have been after some more saves.
    if min(steps) <= saved or (met and min(steps) > at + 1) or max(steps) != STEPS:
        sys.exit(f"{what}: resumed from step {min(steps)} to {max(steps)}")
    for step, seen in [*steps_in(first).items(), *steps.items()]:
        if seen != reference[step]:
            sys.exit(f"{what}: step {step} is {seen}, not {reference[step]}")
    for each in sorted(disk.iterdir()) if after.folders == 2 else [disk / "0"]:
        runs = list(each.glob("ballast-*"))
        if len(runs) > kept:
            sys.exit(f"{what}: {len(runs)} runs are left in {each} for {kept} checkpoints")
    shutil.rmtree(checkpoint)
    shutil.rmtree(disk)
    return [a + b for a, b in zip(counted_in(first), counted_in(second))], met


def main():
    ballast, folder = sys.argv[1], Path(sys.argv[2])
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk = folder / "disk"
    disk.mkdir()
    random.seed(4)
    references = {}
    counted, loads_met = [0, 0, 0], 0
    for case in range(cases):
        encoding = ["exact", "int8", "bf16", "fp16", "fp32"][case % 5]
        if encoding not in references:
            references[encoding] = steps_in(
                whole_run(command(ballast, encoding, Variant(("0,1", 0), "64Ki"), disk, [])))
        found, met = one_case(ballast, case, folder, references[encoding], encoding)
        counted = [a + b for a, b in zip(counted, found)]
        loads_met += met
    cached, early, rolled_back = counted
    counts = f"{cached} cached tiles, {early} updated early, {rolled_back} roll-backs"
    if cases >= 10 and (0 in counted or loads_met * 2 < cases):
        sys.exit(f"of {cases} cases {loads_met} were killed while they loaded; {counts}")
    check_differences(ballast, folder, disk)
    check_noise_seed(ballast, folder, disk)
    print(f"{cases} interrupted runs of {STEPS} steps went on bit for bit, {loads_met} of them killed "
          f"while they loaded; {counts}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
