#!/usr/bin/env python3
"""Bad input to the ballast command: each answered by one clear line, and nothing left behind.

usage: bad_input_test.py BALLAST [unittest arguments]
Needs only the standard library.
"""
import json
import os
import re
import subprocess
import unittest

from in_folder import SMALL, InFolder, run


class BadInput(InFolder):
    """Row by row: one clear line, the right exit code, nothing left behind."""

    def refuse(self, code, pattern, *arguments, but=()):
        done = run(*arguments, folder=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(done.stdout, "")
        self.assert_left_nothing(but)

    def test_unknown_command(self):
        self.refuse(2, "no command .*train", "trian")

    def test_unknown_option_names_the_nearest(self):
        self.refuse(2, "--learning-rate", "train", "--learning-rat", "1e-3")

    def test_unknown_config_key_names_the_nearest(self):
        (self.folder / "c.json").write_text('{"host-memry": "1GiB"}')
        self.refuse(2, "host-memory", "train", "--config", "c.json", but=["c.json"])

    def test_size_that_is_none(self):
        self.refuse(2, "12XB", "train", "--host-memory", "12XB")

    def test_missing_data(self):
        self.refuse(2, "nowhere.txt", "train", "--data", "nowhere.txt")

    def test_empty_data(self):
        (self.folder / "empty.txt").touch()
        self.refuse(2, "empty|no text", "train", "--data", "empty.txt", but=["empty.txt"])

    def test_missing_nvme_folder(self):
        self.refuse(2, "nowhere", "train", *SMALL, "--nvme", "nowhere", "--placement", "0,0")

    def test_nvme_folder_that_nothing_needs_is_looked_at_all_the_same(self):
        self.refuse(2, "nowhere", "train", *SMALL, "--nvme", "nowhere")

    def test_path_that_is_not_utf_8(self):
        for name in ("checkpoint", "nvme", "log", "data"):
            self.refuse(2, f"--{name}: .*is not UTF-8", "train", f"--{name}", b"a\xff")
        self.refuse(2, "--json: .*is not UTF-8", "prove", "--json", b"a\xff")

    def test_full_nvme_folder(self):
        self.refuse(3, "raise the SIZE of --nvme DIR:SIZE", "train", *SMALL, "--nvme", ".:1MiB",
                    "--placement", "0,0")

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_nvme_folder_on_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
        try:
            self.refuse(3, "space|free", "train", *SMALL, "--nvme", "disk", "--placement", "0,0",
                        but=["disk"])
        finally:
            subprocess.run(["umount", disk], check=True)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_unwritable_nvme_folder(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
        try:
            self.refuse(2, "disk", "train", *SMALL, "--nvme", "disk", "--placement", "0,0",
                        but=["disk"])
        finally:
            subprocess.run(["umount", disk], check=True)

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_checkpoint_folder_without_room_for_one_more_than_it_keeps(self):
        disk = self.folder / "disk"
        disk.mkdir()
        def on(size, *arguments):
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
            try:
                return run("train", *SMALL, "--checkpoint", "disk", *arguments, folder=self.folder)
            finally:  # lazily: the kernel takes a ring apart a little after its process
                subprocess.run(["umount", "-l", disk], check=True)
        # With io_uring a removed file's room comes back when the kernel has taken its ring apart.
        saving = ["--save-every", "1", "--steps", "5", "--keep-checkpoints", "2", "--io", "posix"]
        refused = on("64k", *saving)
        self.assertEqual(refused.returncode, 3, refused.stderr)
        self.assertEqual(len(refused.stderr.strip().splitlines()), 1, refused.stderr)
        self.assertIn("free as much there, or give --checkpoint", refused.stderr)
        wanted, one = (int(re.search(pattern, refused.stderr).group(1))
                       for pattern in (r"(\d+) bytes together", r"checkpoints of (\d+) bytes"))
        self.assertEqual(wanted, 3 * one)
        self.assertIn("--keep-checkpoints 1 would fit", on(wanted - 4096, *saving).stderr)
        done = on(wanted, *saving)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("saves: 5 in", done.stdout)

    def test_budgets_that_cannot_work(self):
        self.refuse(3, "raise --device-memory to", "train", *SMALL, "--device-memory", "1MB")
        self.refuse(3, "raise --host-memory to .*or give a folder with --nvme", "train", *SMALL,
                    "--host-memory", "1MB", "--placement", "0,1")

    def test_learning_rate_that_is_no_number(self):
        self.refuse(2, "learning-rate", "train", "--learning-rate", "nan")
        self.refuse(2, "learning-rate", "train", "--learning-rate", "-1")

    def test_model_beyond_all_memory(self):
        self.refuse(3, "memory|needs|MiB", "train", "--width", "1048576", "--heads", "1",
                    "--layers", "4096")

    def test_encoding_that_is_none_names_the_nearest(self):
        self.refuse(2, "in8.*did you mean 'int8'", "train", "--encoding", "in8")
        self.refuse(2, "fp64", "train", "--encoding", "fp64")
        self.refuse(2, "adamv.*did you mean 'adamw'", "train", "--optimizer", "adamv")
        self.refuse(2, "in8.*did you mean 'int8'", "prove", "--encodings", "in8")
        self.refuse(2, "sgdd.*did you mean 'sgd'", "prove", "--optimizers", "sgdd")

    def test_hyperparameters_that_the_optimizer_does_not_have(self):
        self.refuse(2, "--momentum is no option of --optimizer adamw", "train", "--momentum", "0.9")
        self.refuse(2, "--nesterov is no option of --optimizer adam;", "train", "--optimizer", "adam",
                    "--nesterov")
        for name in ("beta1", "beta2", "epsilon"):
            self.refuse(2, f"--{name} is no option of --optimizer sgd; .*adamw or adam", "train",
                        "--optimizer", "sgd", f"--{name}", "0.5")
        self.refuse(2, "momentum", "train", "--optimizer", "sgd", "--momentum", "1")

    def test_loss_scale_that_cannot_be_used(self):
        self.refuse(2, "--loss-scale is no option of --encoding exact; .*fp16", "train",
                    "--loss-scale", "1024")
        self.refuse(2, "--loss-scale-growth is no option", "train", "--encoding", "int8",
                    "--loss-scale-growth", "10")
        self.refuse(2, "1000 is not a power of two", "train", "--encoding", "fp16", "--loss-scale",
                    "1000")
        self.refuse(2, "loss-scale-growth", "train", "--encoding", "fp16", "--loss-scale-growth", "0")

    def test_demo_in_a_config(self):
        (self.folder / "c.json").write_text('{"demo": true}')
        for command in ("train", "plan"):
            self.refuse(2, "--demo", command, "--config", "c.json", but=["c.json"])

    def test_machine_that_is_none(self):
        self.refuse(2, "--link.*fast", "plan", *SMALL, "--link", "fast")
        self.refuse(2, "--link.*nothing would ever arrive", "plan", *SMALL, "--link", "0GB/s")
        self.refuse(2, "6GB/s,4GB/s", "plan", *SMALL, "--nvme-bandwidth", "6GB/s")
        self.refuse(2, "flops", "plan", *SMALL, "--flops", "-1")
        self.refuse(2, "nvme-bandwidth", "plan", *SMALL, "--nvme-bandwith", "6GB/s,4GB/s")

    def test_plan_that_does_not_fit(self):
        self.refuse(3, "raise --device-memory to", "plan", *SMALL, "--device-memory", "1MB")
        self.refuse(3, "raise the SIZE of --nvme DIR:SIZE", "plan", *SMALL, "--nvme", ".:1MiB",
                    "--placement", "0,0")
        self.refuse(3, "raise --device-memory to", "plan", *SMALL, "--device-memory", "1MB",
                    "--json", "plan.json", but=["plan.json"])
        plan = json.loads((self.folder / "plan.json").read_text())
        self.assertEqual(plan["fits"], False)
        self.assertIn("raise --device-memory to", plan["change"])

    def test_plan_on_a_disk_that_is_not_there(self):
        self.refuse(2, "nowhere", "plan", *SMALL, "--nvme", "nowhere", "--placement", "0,0")

    def test_flip_that_never_comes(self):
        self.refuse(2, "flip-step", "prove", "--flip", "memory", "--flip-step", "100")

    def test_weights_that_rest_nowhere(self):
        self.refuse(2, "nvm.*did you mean 'nvme'", "train", *SMALL, "--weights", "nvm")
        self.refuse(2, "--weights", "train", *SMALL, "--weights", "device")

    def test_gradients_that_rest_nowhere(self):
        self.refuse(2, "--gradients", "train", *SMALL, "--gradients", "device")
        self.refuse(2, "--gradients nvme and --several-pushes", "train", *SMALL, "--gradients", "nvme",
                    "--several-pushes")

    def test_model_that_is_none(self):
        self.refuse(2, "heads", "train", "--heads", "3", "--width", "128")

    def test_placement_that_is_none(self):
        self.refuse(2, "fractions", "train", *SMALL, "--placement", "0.9,0.9")
        self.refuse(2, "--nvme", "train", *SMALL, "--placement", "0,0")


if __name__ == "__main__":
    unittest.main()
