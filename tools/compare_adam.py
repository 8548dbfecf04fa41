#!/usr/bin/env python3
"""Ballast's optimizer step on the CPU beside PyTorch's AdamW, everything a step does counted, in turn.

  tools/compare_adam.py [--python PYTHON] [--elements 1e8] [--pairs 9] [--threads 2] [--json FILE]

A step starts with a bf16 gradient and ends with bf16 weights, fp32 masters and moments kept. PyTorch's:
gradients cast to fp32, clip_grad_norm_, AdamW.step, masters cast to bf16, over the tensors of a GPT-2 of
that many parameters, with every way of AdamW that the installed torch has. Ballast's: the norm of the same
bf16 gradient and the one fused pass, as `ballast bench adam --against-passes` times them (in a training step
the engine takes that norm while it rounds the gradient, when it arrives). A pair is one run of each;
the ratio is the median of the pairs'. Needs only torch, of whatever version, under --python.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, VOCABULARY, CONTEXT = 768, 50257, 1024
LAYER = [(WIDTH,), (WIDTH,), (3 * WIDTH, WIDTH), (3 * WIDTH,), (WIDTH, WIDTH), (WIDTH,), (WIDTH,), (WIDTH,),
         (4 * WIDTH, WIDTH), (4 * WIDTH,), (WIDTH, 4 * WIDTH), (WIDTH,)]


def size(shape):
    product = 1
    for length in shape:
        product *= length
    return product


def shapes(elements):
    """GPT-2's tensors, layer after layer, until there are so many elements; the last one is cut."""
    found, left = [], elements
    queue = [(VOCABULARY, WIDTH), (CONTEXT, WIDTH)]
    while left > 0:
        queue = queue or list(LAYER)
        shape = queue.pop(0)
        if size(shape) > left:
            shape = (left,)
        found.append(shape)
        left -= size(shape)
    return found


class TorchStep:
    """One step of PyTorch, in one of the ways that its AdamW has."""

    def __init__(self, torch, elements, way):
        self.torch = torch
        generator = torch.Generator().manual_seed(1)
        self.masters, self.gradients, self.weights = [], [], []
        for shape in shapes(elements):
            master = torch.nn.Parameter(torch.randn(shape, generator=generator) * 0.02)
            master.grad = torch.zeros_like(master)
            self.masters.append(master)
            self.gradients.append((torch.randn(shape, generator=generator) * 0.01).bfloat16())
            self.weights.append(master.detach().bfloat16())
        self.optimizer = torch.optim.AdamW(self.masters, lr=1e-4, weight_decay=0.01, **way)

    def run(self):
        torch = self.torch
        with torch.no_grad():
            for master, gradient in zip(self.masters, self.gradients):
                master.grad.copy_(gradient)
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            for weight, master in zip(self.weights, self.masters):
                weight.copy_(master)


def ways(torch):
    """What this torch's AdamW can be asked for on a CPU."""
    known = {"for-loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
    found = {}
    for name, way in known.items():
        try:
            parameter = torch.nn.Parameter(torch.ones(8))
            parameter.grad = torch.ones(8)
            torch.optim.AdamW([parameter], lr=1e-3, **way).step()
            found[name] = way
        except (TypeError, RuntimeError):
            pass
    return found


def serve(elements, threads):
    """PyTorch's side, in a process of its own: says what it has, then takes a step for each line read."""
    import torch
    torch.set_num_threads(threads)
    print(json.dumps({"version": torch.__version__, "ways": list(ways(torch)),
                      "capability": getattr(torch.backends, "cpu", None)
                      and torch.backends.cpu.get_cpu_capability()}), flush=True)
    step, current = None, None
    for line in sys.stdin:
        way = line.strip()
        if way != current:
            step = None  # its memory first
            step, current = TorchStep(torch, elements, ways(torch)[way]), way
            step.run()
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            step.run()
            seconds.append(time.perf_counter() - begin)
        print(json.dumps(statistics.median(seconds)), flush=True)


class Torch:
    def __init__(self, python, elements, threads):
        self.process = subprocess.Popen(
            [python, __file__, "--serve", "--elements", str(elements), "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)})
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]}: PyTorch's side ended; is torch installed there?")
        return json.loads(line)

    def seconds(self, way):
        self.process.stdin.write(way + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def ballast(command, elements, threads):
    """Seconds of the fused step, and what the bench says of the machine."""
    done = subprocess.run([command, "bench", "adam", "--against-passes", "--elements", str(elements),
                           "--threads", str(threads), "--rounds", "3", "--json", "-"],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    document = json.loads(done.stdout)
    row, = (row for row in document["results"]
            if row["name"] == "step" and row["params"]["arm"] == "fused")
    return row["seconds"], document["context"]


def compare(given, elements):
    torch = Torch(given.python, elements, given.threads)
    rows, context = [], {}
    print(f"PyTorch {torch.about['version']}, {elements} parameters, {given.threads} threads",
          file=sys.stderr)
    print(f"{'way':<10} {'PyTorch s':>10} {'Ballast s':>10} {'ratio':>7}  pairs", file=sys.stderr)
    for way in torch.about["ways"]:
        theirs, ours = [], []
        torch.seconds(way)
        for _ in range(given.pairs):
            theirs.append(torch.seconds(way))
            seconds, context = ballast(given.ballast, elements, given.threads)
            ours.append(seconds)
        ratios = [a / b for a, b in zip(theirs, ours)]
        rows.append({"name": f"pytorch {way}", "unit": "ratio", "median": round(statistics.median(ratios), 3),
                     "least": round(min(ratios), 3), "most": round(max(ratios), 3), "n": len(ratios),
                     "pytorch_seconds": round(statistics.median(theirs), 5),
                     "ballast_seconds": round(statistics.median(ours), 5)})
        row = rows[-1]
        print(f"{way:<10} {row['pytorch_seconds']:>10.4f} {row['ballast_seconds']:>10.4f} "
              f"{row['median']:>6.2f}x  {row['n']} ({row['least']:.2f} to {row['most']:.2f})", file=sys.stderr)
    torch.end()
    machine = {key: context.get(key) for key in ("processor", "cores", "instruction_sets", "kernel")}
    return {"schema": "ballast.compare/1",
            "context": {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                        "command": "compare_adam", "pytorch": torch.about["version"],
                        "pytorch_vectors": torch.about["capability"], "python": platform.python_version(),
                        **machine, "elements": elements, "tensors": len(shapes(elements)),
                        "threads": given.threads},
            "results": rows}


def whole(text):
    """A positive number of things, also as 1e8."""
    try:
        count = int(float(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is below 1")
    return count


def check(given):
    """What can be refused before minutes have passed."""
    for name in ("python", "ballast"):
        if not shutil.which(getattr(given, name)):
            sys.exit(f"compare_adam.py: --{name}: {getattr(given, name)} is no program")
    if given.json and given.json != "-":
        try:
            open(given.json, "a", encoding="utf-8").close()
        except OSError as problem:
            sys.exit(f"compare_adam.py: --json: {problem}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="/usr/bin/python3", help="the one that has torch")
    parser.add_argument("--ballast", default=str(HERE.parent / "build/release/tools/ballast"))
    parser.add_argument("--elements", type=whole, default=100_000_000)
    parser.add_argument("--pairs", type=whole, default=9)
    parser.add_argument("--threads", type=whole, default=os.cpu_count())
    parser.add_argument("--json", metavar="FILE", help="one JSON document there; - is stdout")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.elements, given.threads)
        return
    check(given)
    document = compare(given, given.elements)
    text = json.dumps(document, indent=1) + "\n"
    if given.json == "-":
        sys.stdout.write(text)
    elif given.json:
        pathlib.Path(given.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
