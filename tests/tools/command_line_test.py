#!/usr/bin/env python3
"""The ballast command as a user meets it: what it computes, leaves behind and moves.

usage: command_line_test.py BALLAST [unittest arguments]
Needs only the standard library. Tests that need a memory control group are skipped where none can be made.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from in_folder import BALLAST, MIB, SMALL, InFolder, run


class Train(InFolder):
    def placed(self, *more):
        return ["train", *SMALL, "--nvme", ".", "--placement", "0.2,0.3", *more]

    def test_moves_what_the_plan_says_and_leaves_nothing(self):
        done = run(*self.placed("--steps", "6", "--evaluate-every", "2", "--log", "log.json"),
                   folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 of 6 steps moved other than planned", done.stdout)
        moved = re.search(r"a step moves \(plan, measured\): (.*)", done.stdout).group(1)
        for link in ("read", "write", "upload", "download"):
            planned, measured = re.search(rf"{link} (\d+), (\d+);", moved).groups()
            self.assertEqual(planned, measured)
            self.assertGreater(int(planned), 0)
        self.assert_left_nothing(but=["log.json"])

    def test_logs_one_object_a_line(self):
        run(*self.placed("--steps", "3", "--log", "log.json"), folder=self.folder)
        lines = [json.loads(l) for l in (self.folder / "log.json").read_text().splitlines()]
        self.assertEqual(lines[0]["schema"], "ballast.train/1")
        settings = lines[0]["settings"]
        self.assertEqual(settings["width"], 128)
        self.assertEqual((settings["encoding"], settings["optimizer"]), ("exact", "adamw"))
        self.assertEqual((settings["beta2"], settings["weight-decay"]), (0.95, 0.1))
        self.assertEqual((settings["momentum"], settings["loss-scale"]), (None, None))
        steps = [l for l in lines if "loss" in l]
        self.assertEqual([l["step"] for l in steps], [1, 2, 3])
        for step in steps:
            self.assertAlmostEqual(sum(step["attribution"].values()), 1, delta=0.05)
            self.assertGreater(step["tokens_per_s"], 0)

    def test_gives_the_same_losses_wherever_the_state_is(self):
        def losses(*where):
            run("train", *SMALL, "--encoding", stored, "--steps", "4", "--log", "log.json", *where,
                folder=self.folder)
            lines = [json.loads(l) for l in (self.folder / "log.json").read_text().splitlines()]
            return [line["loss"] for line in lines if "loss" in line]
        for stored in ("exact", "fp16", "int8"):
            resident = losses()
            self.assertEqual(len(resident), 4)
            self.assertEqual(resident, losses("--nvme", ".", "--placement", "0,0"))

    def test_trains_in_every_encoding_with_every_optimizer(self):
        for stored in ("fp32", "exact", "fp16", "bf16", "int8"):
            for more in (["adamw", "--weight-decay", "0"], ["adam", "--beta1", "0.8"],
                         ["sgd", "--nesterov", "--momentum", "0.8"]):
                done = run(*self.placed("--encoding", stored, "--optimizer", *more, "--steps", "3"),
                           folder=self.folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("0 of 3 steps moved other than planned", done.stdout)

    def test_halves_a_loss_scale_that_is_too_large(self):
        done = run(*self.placed("--encoding", "fp16", "--loss-scale", "1073741824",
                                "--loss-scale-growth", "4", "--steps", "25", "--log", "log.json"),
                   folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [json.loads(l) for l in (self.folder / "log.json").read_text().splitlines()]
        steps = [l for l in steps if "loss_scale" in l]
        self.assertEqual(steps[0]["loss_scale"], 1 << 30)
        for before, after in zip(steps, steps[1:]):
            self.assertIn(after["loss_scale"] / before["loss_scale"],
                          [0.5] if before["skipped"] else [1, 2])
        skipped = sum(l["skipped"] for l in steps)
        self.assertGreater(skipped, 3)
        self.assertFalse(steps[-1]["skipped"])
        self.assertIn(f"{skipped} of them skipped", done.stdout)

    def test_trains_at_odd_sizes(self):
        done = run("train", "--tokens", "4", "--steps", "1", "--validation-windows", "2",
                   "--sample-tokens", "3", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_trains_on_a_file_of_ones_own(self):
        (self.folder / "text").write_text("to be, or not to be, that is the question\n" * 200)
        done = run("train", *SMALL, "--data", "text", "--steps", "3", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def interrupted(self, number):
        with subprocess.Popen([BALLAST, *self.placed("--steps", "1000000")], cwd=self.folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            for line in child.stderr:
                if line.startswith("step 1/"):
                    break
            held = [os.readlink(p) for p in pathlib.Path(f"/proc/{child.pid}/fd").iterdir()]
            self.assertTrue(any(str(self.folder) in name and "deleted" in name for name in held), held)
            child.send_signal(number)
            child.stderr.close()
            self.assertNotEqual(child.wait(timeout=20), 0)
        self.assert_left_nothing()

    def test_leaves_nothing_after_control_c(self):
        self.interrupted(signal.SIGINT)

    def test_leaves_nothing_after_kill(self):
        self.interrupted(signal.SIGKILL)


class Plan(InFolder):
    PLACED = [*SMALL, "--nvme", ".", "--placement", "0.2,0.3"]

    def planned(self, *arguments):
        done = run("plan", *arguments, "--json", "-", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_is_what_a_run_then_holds_and_moves(self):
        plan = self.planned(*self.PLACED)
        self.assert_left_nothing()
        done = run("train", *self.PLACED, "--steps", "4", "--log", "log.json", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [json.loads(l) for l in (self.folder / "log.json").read_text().splitlines()]
        self.assertEqual(plan["step"]["bytes"], [s for s in steps if "bytes" in s][-1]["bytes"])
        self.assertIn(f"device: host device, {plan['places']['device']['total']} bytes", done.stdout)
        self.assertGreater(plan["step"]["seconds"], 0)
        self.assertAlmostEqual(sum(plan["step"]["attribution"].values()), 1, places=6)

    def test_takes_another_machine_and_a_model_from_a_config(self):
        (self.folder / "c.json").write_text(json.dumps({
            "layers": 32, "width": 4096, "heads": 32, "context": 2048, "tokens": 2048,
            "sequences": 4, "encoding": "bf16", "nvme": "/not/here"}))
        other = ["--config", "c.json", "--device-memory", "80GiB", "--host-memory", "64GiB", "--flops",
                 "4e14", "--link", "25GB/s", "--nvme-bandwidth", "6GB/s,4GB/s", "--memory-bandwidth",
                 "200GB/s"]
        plan = self.planned(*other)
        self.assertGreater(plan["parameters"], 6e9)
        self.assertEqual([f["source"] for f in plan["machine"] if f["name"] == "link"], ["given"])
        shown = run("plan", *other, folder=self.folder)
        for part in ("binds: ", "tokens/s", "bytes a parameter", "prefetch: "):
            self.assertIn(part, shown.stdout)
        self.assert_left_nothing(but=["c.json"])

    def test_says_when_a_disk_is_used_up(self):
        plan = self.planned(*self.PLACED, "--endurance", "1TB")
        written = plan["step"]["bytes"]["write"] / plan["step"]["seconds"] * 86400
        self.assertAlmostEqual(plan["disk_life_days"], 1e12 / written, places=6)
        self.assertIsNone(self.planned(*SMALL)["disk_life_days"])


class MemoryGroup:
    """A memory control group, version 1 or 2; page cache counts in both."""

    def __init__(self, name):
        unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
        self.new = unified.exists()
        self.path = pathlib.Path("/sys/fs/cgroup" if self.new else "/sys/fs/cgroup/memory") / name
        self.path.mkdir()
        self.limit = "memory.max" if self.new else "memory.limit_in_bytes"
        self.peak = "memory.peak" if self.new else "memory.max_usage_in_bytes"
        if not (self.path / self.limit).exists():
            self.path.rmdir()
            raise OSError("the memory controller is not delegated")

    def run(self, *arguments, folder, limit=None):
        if limit is not None:
            (self.path / self.limit).write_text(str(limit))
        return run(*arguments, folder=folder,
                   preexec_fn=lambda: (self.path / "cgroup.procs").write_text(str(os.getpid())))

    def used(self):
        return int((self.path / self.peak).read_text())

    def remove(self):
        for _ in range(50):
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.1)


class Memory(InFolder):
    def group(self, name):
        try:
            made = MemoryGroup(f"ballast-test-{os.getpid()}-{name}")
        except OSError as reason:
            self.skipTest(f"no memory control group: {reason}")
        self.addCleanup(made.remove)
        return made

    def test_stays_inside_its_budgets(self):
        """Budgets + 64 MiB over the bare process hold it; the activations are in the device budget."""
        bare = self.group("bare")
        tiny = ["--layers", "1", "--width", "32", "--heads", "1", "--tokens", "8", "--sequences", "1",
                "--steps", "1", "--validation-windows", "1", "--sample-tokens", "0"]
        self.assertEqual(bare.run("train", *tiny, folder=self.folder).returncode, 0)
        limit = bare.used() + (64 + 28 + 67) * MIB
        placed = self.group("placed")
        done = placed.run("train", "--demo", "--steps", "10", "--validation-windows", "8",
                          "--device-memory", "28MiB", "--host-memory", "67MiB",
                          folder=self.folder, limit=limit)
        self.assertEqual(done.returncode, 0, done.stderr)
        state = float(re.search(r"([\d.]+) MiB of state", done.stdout).group(1))
        self.assertGreaterEqual(state, 2 * (28 + 67))
        print(f"bare {bare.used() / MIB:.1f} MiB, limit {limit / MIB:.1f} MiB, used "
              f"{placed.used() / MIB:.1f} MiB", file=sys.stderr)


class Prove(InFolder):
    def test_quick_proof_is_identical(self):
        done = run("prove", "--quick", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("10 arms identical, 0 different", done.stdout)
        self.assert_left_nothing()

    def test_a_bit_flipped_in_memory_is_different(self):
        done = run("prove", "--quick", "--flip", "memory", folder=self.folder)
        self.assertEqual(done.returncode, 4)
        self.assertIn("0 arms identical, 10 different", done.stdout)

    def test_a_bit_flipped_on_disk_is_an_error(self):
        done = run("prove", "--quick", "--placements", "nvme", "--flip", "disk", folder=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "not the bytes last written")


class Ranks(InFolder):
    def train(self, *options):
        """The losses of every step, and what was printed."""
        done = run("train", "--layers", "2", "--width", "64", "--heads", "2", "--tokens", "32", "--context", "32",
                   "--steps", "50", "--sample-tokens", "0", "--validation-windows", "8", "--tile-elements", "8Ki",
                   "--log", "log.json", *options, folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in (self.folder / "log.json").read_text().splitlines()]
        return [line[key] for line in lines for key in ("loss", "validation_loss") if key in line], done

    def test_are_the_same_model_in_any_number(self):
        """At the same global batch, in fp32: only roundings differ."""
        one, _ = self.train("--encoding", "fp32", "--sequences", "8")
        for ranks, stage in ((2, 3), (4, 2), (4, 0)):
            some, done = self.train("--encoding", "fp32", "--sequences", str(8 // ranks), "--ranks", str(ranks),
                                    "--stage", str(stage))
            apart = max(abs(a - b) / abs(a) for a, b in zip(one, some))
            print(f"{ranks} ranks, stage {stage}: {apart:.1e} relative", file=sys.stderr)
            self.assertEqual(len(one), len(some))
            self.assertLess(apart, 1e-5)
            self.assertIn("0 of 50 steps moved other than planned", done.stdout)

    def test_speak_once(self):
        _, done = self.train("--ranks", "3", "--sequences", "1")
        self.assertEqual(done.stdout.count("tokens/s\n"), 1)
        self.assertIn("ranks: threads, 0 of 3, stage 3", done.stdout)
        self.assertIn("4800 tokens", done.stdout)

    def test_share_what_the_machine_has(self):
        """--host-memory and --nvme are a host's: half of what one rank needs is not enough for two."""
        options = ("--sequences", "1", "--placement", "0,1", "--stage", "0")
        self.train(*options, "--host-memory", "5MiB")
        done = run("train", "--layers", "2", "--width", "64", "--heads", "2", "--tokens", "32", "--context", "32",
                   *options, "--host-memory", "5MiB", "--ranks", "2", folder=self.folder)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr, "host memory: the plan needs")

    def test_hold_what_was_planned(self):
        """Of all ranks: mappings that ask for 2 MiB pages, as the kernel counts them, beside the plans."""
        for stage in range(4):
            process = subprocess.Popen(
                [BALLAST, "train", "--layers", "8", "--width", "512", "--heads", "8", "--sequences", "1", "--tokens",
                 "64", "--tile-elements", "64Ki", "--placement", "0,1", "--ranks", "2", "--stage", str(stage),
                 "--sample-tokens", "0", "--validation-windows", "1", "--log", "-"],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            planned, seen = 0, 0
            for line in process.stdout:
                together = re.search(r"= together +([\d.]+) MiB", line)
                planned += 2 * float(together.group(1)) if together else 0
                seen += '"grad_norm"' in line
                if seen == 3:
                    break
            smaps = pathlib.Path(f"/proc/{process.pid}/smaps").read_text()
            process.kill()
            process.communicate()
            held = sum(int(kib) for kib, flags in re.findall(r"Rss: +(\d+) kB.*?VmFlags:([^\n]*)", smaps, re.DOTALL)
                       if " hg" in flags) / 1024
            print(f"stage {stage}: planned {planned:.1f} MiB, held {held:.1f} MiB", file=sys.stderr)
            self.assertLess(abs(planned / held - 1), 0.02)

    def test_are_planned(self):
        done = run("plan", *SMALL, "--ranks", "2", "--stage", "1", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"ranks: [\d.]+ [KM]iB from the others a step")

    def test_end_together_where_one_is_refused(self):
        """Rank 0's log cannot be written; the others are told, and the line is its own."""
        begin = time.monotonic()
        done = run("train", *SMALL, "--ranks", "3", "--log", "no/such/folder/log", folder=self.folder)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no/such/folder/log", done.stderr)

    def test_prove_every_stage(self):
        for ranks in ("2", "3"):
            done = run("prove", "--quick", "--ranks", ranks, folder=self.folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("10 arms identical, 0 different", done.stdout)
            for stage in range(4):
                self.assertIn(f"stage {stage}", done.stdout)
        self.assert_left_nothing()

    def test_notice_a_flipped_bit(self):
        done = run("prove", "--quick", "--ranks", "2", "--flip", "memory", folder=self.folder)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("0 arms identical, 10 different", done.stdout)


class Quickstart(unittest.TestCase):
    def test_runs_commands_that_exist(self):
        """The demo's own two lines, shortened: their options are understood and they succeed."""
        text = pathlib.Path(__file__).parents[2].joinpath("tools/quickstart").read_text()
        lines = re.findall(r"^build/release/tools/ballast (.*)$", text, re.MULTILINE)
        self.assertEqual([line.split()[0] for line in lines], ["train", "prove"])
        with tempfile.TemporaryDirectory(dir=".") as folder:
            for line in lines:
                short = ["--steps", "2"] + (["--validation-windows", "2", "--sample-tokens", "2"]
                                            if line.startswith("train") else [])
                done = run(*line.split(), *short, folder=folder)
                self.assertEqual(done.returncode, 0, done.stderr)


class Demo(InFolder):
    def test_learns_a_model_twice_its_budgets(self):
        done = run("train", "--demo", "--steps", "200", "--sample-tokens", "40",
                   "--log", "log.json", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        def mib(pattern):
            return float(re.search(pattern, done.stdout).group(1))
        state = mib(r"([\d.]+) MiB of state")
        budgets = sum(float(x) for x in re.findall(r"= together +[\d.]+ MiB +([\d.]+) MiB",
                                                   done.stdout))
        self.assertGreaterEqual(state, 2 * budgets)
        lines = [json.loads(l) for l in (self.folder / "log.json").read_text().splitlines()]
        losses = [l["validation_loss"] for l in lines if "validation_loss" in l]
        self.assertGreater(losses[0], 5.3)
        self.assertLess(losses[-1], 2.6)
        self.assertGreaterEqual(len([l for l in lines if "loss" in l]), 100)
        self.assertIn("0 of 200 steps moved other than planned", done.stdout)


class ProveAll(InFolder):
    def test_every_combination_is_identical(self):
        done = run("prove", "--json", "all.json", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        arms = json.loads((self.folder / "all.json").read_text())["arms"]
        self.assertTrue(all(arm["identical"] for arm in arms))
        self.assertGreaterEqual(len(arms), 64)
        pairs = {(arm["encoding"], arm["optimizer"], arm["placement"]) for arm in arms}
        self.assertEqual(len(pairs), 5 * 3 * 6)
        for name in ("threads", "tile_elements", "io", "isa"):
            words = {arm[name] for arm in arms}
            for stored in {arm["encoding"] for arm in arms}:
                self.assertEqual({a[name] for a in arms if a["encoding"] == stored}, words)


class Doctor(InFolder):
    def test_says_what_is_there(self):
        done = run("doctor", "--json", "-", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = {check["name"] for check in json.loads(done.stdout)["checks"]}
        self.assertLessEqual({"processor", "memory", "disk", "gpu"}, names)
        self.assert_left_nothing()


if __name__ == "__main__":
    unittest.main()
