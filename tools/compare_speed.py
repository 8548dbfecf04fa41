#!/usr/bin/env python3
"""Ballast's trainer beside PyTorch, the same model and batch, alternately: medians and their ratio.

  tools/compare_speed.py [--pairs N] [--steps N] [--ballast build/release/tools/ballast]

GPT-2 124M (50257 tokens in the vocabulary), bf16, 4 x 64 tokens, everything in memory; clipping and
AdamW are in both sides' timed step. PyTorch's side is compare_pytorch.py under Debian's python3-torch.
Ballast's is `ballast train`, its steps taken from the log. Prints one line a run and one JSON line.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODEL = {"vocabulary": 50257, "context": 1024, "layers": 12, "heads": 12, "width": 768,
         "sequences": 4, "tokens": 64}


def shape():
    return [word for name, value in MODEL.items() for word in (f"--{name}", str(value))]


def ballast(command, steps):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log.json"
        subprocess.run([command, "train", *shape(), "--steps", str(steps + 1), "--keep-activations",
                        "--validation-windows", "1", "--sample-tokens", "0", "--log", str(log)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    seconds = [line["step_s"] for line in lines if "step_s" in line][1:]
    return MODEL["sequences"] * MODEL["tokens"] / statistics.median(seconds)


def pytorch(python, steps):
    done = subprocess.run([python, str(HERE / "compare_pytorch.py"), *shape(), "--steps", str(steps)],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["tokens_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--ballast", default=str(HERE.parent / "build/release/tools/ballast"))
    parser.add_argument("--python", default="/usr/bin/python3", help="the one that has torch")
    given = parser.parse_args()
    ours, theirs = [], []
    for pair in range(1, given.pairs + 1):
        theirs.append(pytorch(given.python, given.steps))
        ours.append(ballast(given.ballast, given.steps))
        print(f"pair {pair}: PyTorch {theirs[-1]:.0f} tokens/s, Ballast {ours[-1]:.0f} tokens/s, "
              f"{ours[-1] / theirs[-1]:.2f}x", file=sys.stderr)
    ratios = [a / b for a, b in zip(ours, theirs)]
    print(json.dumps({"pytorch_tokens_per_s": round(statistics.median(theirs), 1),
                      "ballast_tokens_per_s": round(statistics.median(ours), 1),
                      "ratio": round(statistics.median(ratios), 2)}))


if __name__ == "__main__":
    main()
