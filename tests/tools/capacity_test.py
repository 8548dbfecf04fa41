#!/usr/bin/env python3
"""A model far larger than its budgets trains inside them, and its losses are those of one without any.

usage: capacity_test.py BALLAST

A deep model of small layers, with weights, gradients, activations and optimizer state on NVMe: the state is more than ten times
the host budget, the weights are more than twenty times the device's, and host memory holds less than a byte for
each parameter beside its buffers. Losses and norms are compared as they are logged, to the last bit.
"""
import json
import re
import unittest

from in_folder import MIB, InFolder, run

MODEL = ["--layers", "160", "--width", "64", "--heads", "4", "--context", "8", "--tokens", "8", "--sequences", "1",
         "--steps", "3", "--compute-threads", "1", "--validation-windows", "2", "--sample-tokens", "0"]
DEVICE, HOST = 768 << 10, 6 * MIB
BUDGETS = ["--device-memory", str(DEVICE), "--host-memory", str(HOST), "--nvme", "disk",
           "--weights", "nvme", "--gradients", "nvme", "--activations", "nvme", "--tile-elements", "52Ki", "--pipeline-depth", "2",
           "--layer-slots", "1", "--gradient-slots", "1"]
# What goes round, however large the model is.
POOL = re.compile(r"staging|relay|bounce buffer|cache")
LINE = re.compile(r"^(device|host|nvme) +(\S.*?) {2,}([\d.]+) (B|KiB|MiB)", re.MULTILINE)
UNIT = {"B": 1, "KiB": 1 << 10, "MiB": MIB}


class Capacity(InFolder):
    def train(self, *budgets):
        """The plan, by place and consumer, the parameters, and what was logged."""
        done = run("train", *MODEL, *budgets, "--log", "log", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 of 3 steps moved other than planned", done.stdout)
        plan = {(place, name): float(size) * UNIT[unit] for place, name, size, unit in LINE.findall(done.stdout)}
        log = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
        return plan, int(re.search(r"^(\d+) parameters", done.stdout, re.MULTILINE)[1]), log

    def test_budgets_change_nothing_but_time(self):
        (self.folder / "disk").mkdir()
        plan, parameters, log = self.train(*BUDGETS)
        state, weights = plan["nvme", "optimizer state"], plan["nvme", "weights"]
        kept = sum(size for (place, name), size in plan.items()
                   if place == "host" and name != "= together" and not POOL.search(name))
        print(f"state {state / HOST:.1f} times the host budget, weights {weights / DEVICE:.1f} times the device's, "
              f"{kept / parameters:.3f} bytes a parameter in host memory beside the pool")
        self.assertLessEqual(plan["device", "= together"], DEVICE)
        self.assertLessEqual(plan["host", "= together"], HOST)
        self.assertGreaterEqual(state, 10 * HOST)
        self.assertGreaterEqual(weights, 20 * DEVICE)
        self.assertLessEqual(kept, parameters)
        _, _, unbounded = self.train()
        for key in ("loss", "grad_norm", "validation_loss"):
            seen = [line[key] for line in log if key in line]
            self.assertEqual(seen, [line[key] for line in unbounded if key in line], key)
            self.assertGreaterEqual(len(seen), 2)


if __name__ == "__main__":
    unittest.main()
