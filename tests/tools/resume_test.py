"""A training run that is killed goes on from its newest checkpoint, bit for bit.

resume_test.py BALLAST FOLDER [CASES]: an uninterrupted run, then CASES runs with other placements,
each killed (SIGKILL) at a random step and resumed, perhaps elsewhere; every loss and gradient norm
must be the uninterrupted run's. Prints the number of cases. Then a run resumed with other settings, each
of which must be named, and with another noise seed, which is refused.
"""
import json
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

STEPS = 24
MODEL = ["--layers", "2", "--width", "64", "--heads", "2", "--sequences", "2", "--tokens", "32",
         "--context", "32", "--steps", str(STEPS), "--sample-tokens", "0",
         "--validation-windows", "4", "--log", "-"]
PLACES = ["0,0", "1,0", "0,1", "0.3,0.3"]
TILES = ["4096", "16Ki", "64Ki"]


def command(ballast, encoding, place, tile, disk, extra):
    return [ballast, "train", *MODEL, "--encoding", encoding, "--placement", place, "--nvme",
            str(disk), "--tile-elements", tile, *extra]


def steps_in(lines):
    """step -> (loss, norm, scale), as printed: every digit counts."""
    found = {}
    for line in lines:
        if line.startswith("{"):
            record = json.loads(line)
            if "loss" in record:
                found[record["step"]] = (record["loss"], record["grad_norm"], record["loss_scale"])
    return found


def whole_run(arguments):
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        sys.exit(f"{arguments}\n{run.stderr[-2000:]}")
    return steps_in(run.stdout.splitlines())


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
    return steps_in(lines)


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


def main():
    ballast, folder = sys.argv[1], Path(sys.argv[2])
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk = folder / "disk"
    disk.mkdir()
    random.seed(4)
    references = {}
    for case in range(cases):
        encoding = ["exact", "int8", "bf16", "fp16", "fp32"][case % 5]
        if encoding not in references:
            references[encoding] = whole_run(command(ballast, encoding, "0,1", "64Ki", disk, []))
        checkpoint = folder / f"checkpoint-{case}"
        every = random.randint(1, 4)
        at = random.randint(every + 1, STEPS - 1)
        keep = ["--checkpoint", str(checkpoint), "--save-every", str(every), "--keep-checkpoints",
                str(random.randint(1, 2))]
        before, after = random.choice(PLACES), random.choice(PLACES)
        cut, cut_again = random.choice(TILES), random.choice(TILES)
        first = killed_run(command(ballast, encoding, before, cut, disk, keep), at)
        second = whole_run(command(ballast, encoding, after, cut_again, disk, [*keep, "--resume"]))
        what = (f"case {case}: {encoding}, placed {before} in tiles of {cut}, killed at step {at}, "
                f"saved every {every}, resumed in {after}, tiles of {cut_again}")
        # A step is logged, then saved: the one before the kill is safe.
        saved = (at - 1) // every * every
        if min(second) <= saved or max(second) != STEPS:
            sys.exit(f"{what}: resumed from step {min(second)} to {max(second)}")
        for step, seen in [*first.items(), *second.items()]:
            if seen != references[encoding][step]:
                sys.exit(f"{what}: step {step} is {seen}, not {references[encoding][step]}")
        shutil.rmtree(checkpoint)
    check_differences(ballast, folder, disk)
    check_noise_seed(ballast, folder, disk)
    print(f"{cases} interrupted runs of {STEPS} steps went on bit for bit")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
