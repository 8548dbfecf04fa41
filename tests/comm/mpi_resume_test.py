"""What processes saved threads load, and the other way round: the same validation loss, and it goes on.

usage: mpi_resume_test.py MPIEXEC BALLAST
"""
import json
import pathlib
import subprocess
import sys
import tempfile

MPIEXEC, BALLAST = sys.argv[1], str(pathlib.Path(sys.argv[2]).resolve())
TRAIN = ["train", "--layers", "2", "--width", "64", "--heads", "2", "--tokens", "64", "--context",
         "64", "--sequences", "2", "--tile-elements", "8Ki", "--validation-windows", "8",
         "--sample-tokens", "0", "--nvme", "disk", "--placement", "0.2,0.3", "--checkpoint", "saved"]


def train(folder, processes, ranks, stage, steps, *more):
    """Validation losses, from the first to the last."""
    launcher = [MPIEXEC, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n",
                str(ranks)] if processes else []
    count = [] if processes else ["--ranks", str(ranks)]
    done = subprocess.run([*launcher, BALLAST, *TRAIN, *count, "--stage", str(stage), "--steps",
                           str(steps), "--log", "log", *more], cwd=folder, check=False,
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    return [line["validation_loss"] for line in lines if "validation_loss" in line]


def main():
    cases = [((True, 4, 3), (False, 2, 1)), ((False, 4, 2), (True, 2, 3)), ((True, 2, 0), (True, 4, 1)),
             ((True, 2, 1), (False, 1, 3))]
    for saving, loading in cases:
        with tempfile.TemporaryDirectory(dir=".") as name:
            folder = pathlib.Path(name)
            (folder / "disk").mkdir()
            last = train(folder, *saving, 4, "--save-every", "2")[-1]
            first, *_, final = train(folder, *loading, 8, "--resume", "--save-every", "2")
            print(f"{saving} -> {loading} (processes, ranks, stage): {last}, {first}, then {final}")
            # The windows are the same, summed by other ranks.
            assert abs(first / last - 1) < 1e-12 and final != first
            assert len(list((folder / "saved").glob("manifest-*"))) == 1


if __name__ == "__main__":
    main()
