#!/usr/bin/env python3
"""ballast train where the machine fails it: exit 1 and one clear line, or the same losses as elsewhere.

usage: sick_machine_test.py BALLAST [unittest arguments]
Real limits, a real file system on a loop device, a real seccomp filter. What needs root or loop devices says
so where they are missing.
"""
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import unittest

from command_line_test import BALLAST, MIB, SMALL, InFolder, run

FIFREEZE, FITHAW, EXT4_SHUTDOWN = 0xC0045877, 0xC0045878, 0x8004587D
CAP_IPC_LOCK = 14
IO_URING_SETUP = 425
LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option, *arguments):
    if LIBC.prctl(option, *(ctypes.c_ulong(a) for a in arguments), 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def refuse_io_uring(error):
    """From here on io_uring_setup fails with `error` in this process and what it becomes."""
    rules = b"".join(struct.pack("HBBI", *rule) for rule in (
        (0x20, 0, 0, 0),                      # the call's number
        (0x15, 0, 1, IO_URING_SETUP),
        (0x06, 0, 0, 0x00050000 | error),     # SECCOMP_RET_ERRNO
        (0x06, 0, 0, 0x7FFF0000)))            # SECCOMP_RET_ALLOW
    held = ctypes.create_string_buffer(rules, len(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(held)))
    prctl(38, 1, 0, 0)                        # PR_SET_NO_NEW_PRIVS
    prctl(22, 2, ctypes.addressof(program))   # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def lock_little_memory():
    prctl(24, CAP_IPC_LOCK)                   # PR_CAPBSET_DROP: root does not get it back
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))


class LoopDisk:
    """An ext4 file system of its own, which a test may break; gone at the end."""

    def __init__(self, test, size=64 * MIB):
        if os.geteuid() != 0:
            test.skipTest("mounting needs root")
        self.image, self.path = test.folder / "image", test.folder / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(size)
        test.addCleanup(self.image.unlink)
        test.addCleanup(self.path.rmdir)
        for command in (["mkfs.ext4", "-q", "-F", self.image],
                        ["mount", "-o", "loop,errors=remount-ro", self.image, self.path]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                test.skipTest(f"{command[0]}: {done.stderr}")
        test.addCleanup(subprocess.run, ["umount", "--lazy", self.path], check=True)

    def order(self, number, argument=0):
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, number, struct.pack("I", argument))
        finally:
            os.close(folder)

    def turn_read_only(self):
        device = subprocess.run(["losetup", "-n", "-O", "NAME", "-j", self.image], check=True,
                                capture_output=True, text=True).stdout.strip()
        pathlib.Path("/sys/fs/ext4", pathlib.Path(device).name, "trigger_fs_error").write_text("1")


class Sick(InFolder):
    def tearDown(self):
        self.doCleanups()  # mounts, before the folder goes
        super().tearDown()

    def on(self, folder, *more):
        return ["train", *SMALL, "--nvme", str(folder), "--placement", "0,0", *more]

    def losses(self, log="log.json"):
        lines = [json.loads(l) for l in (self.folder / log).read_text().splitlines()]
        return [line["loss"] for line in lines if "loss" in line]

    def undisturbed(self, steps):
        done = run("train", *SMALL, "--steps", str(steps), "--log", "calm.json", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.losses("calm.json")

    @staticmethod
    def complaints(stderr):
        """What is neither progress nor the echo of an amount."""
        return [l for l in stderr.splitlines() if not re.match(r"step \d+[/:]|--[a-z-]+ \S+ is \d", l)]

    def assert_one_line(self, stderr, pattern):
        said = self.complaints(stderr)
        self.assertEqual(len(said), 1, stderr)
        self.assertRegex(said[0], "^ballast train: .*" + pattern)

    def during(self, action, *arguments):
        """Trains, acts after the first step, and returns exit code and stderr."""
        with subprocess.Popen([BALLAST, *arguments], cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as child:
            heard = ""
            for line in child.stderr:
                heard += line
                if line.startswith("step 1/"):
                    break
            heard += action(child) or ""
            heard += child.communicate(timeout=120)[1]
            return child.returncode, heard


class Disk(Sick):
    def test_one_that_turns_read_only(self):
        disk = LoopDisk(self)
        code, said = self.during(lambda _: disk.turn_read_only(),
                                 *self.on("disk", "--steps", "1000000"))
        self.assertEqual(code, 1, said)
        self.assert_one_line(said, r"write of \d+ bytes at offset \d+ of disk/\(unnamed segment 0\): .*EROFS")

    def gone(self, io):
        disk = LoopDisk(self)
        code, said = self.during(lambda _: disk.order(EXT4_SHUTDOWN, 2),
                                 *self.on("disk", "--steps", "1000000", "--io", io))
        self.assertEqual(code, 1, said)
        self.assert_one_line(said, r"(read|write) of \d+ bytes at offset \d+ of disk/.*\(EIO\)")

    def test_one_that_is_gone_under_io_uring(self):
        self.gone("uring")

    def test_one_that_is_gone_under_threads(self):
        self.gone("posix")

    def test_one_that_is_frozen_and_thaws(self):
        disk = LoopDisk(self)

        def freeze(child):
            disk.order(FIFREEZE)
            heard = ""
            for line in child.stderr:
                heard += line
                if "not done" in line:
                    break
            disk.order(FITHAW)
            return heard

        calm = self.undisturbed(60)
        code, said = self.during(freeze, *self.on("disk", "--steps", "60", "--io-deadline", "1",
                                                  "--log", "log.json"))
        self.assertEqual(code, 0, said)
        late = self.complaints(said)
        self.assertGreater(len(late), 0)
        for line in late:
            self.assertRegex(line, r"write of \d+ bytes at offset \d+ of disk/.* is 1\.\d s old and not done")
        self.assertEqual(len(late), len(set(late)), "each is reported once")
        self.assertEqual(self.losses(), calm)

    def test_a_full_one_under_the_log(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        done = run("train", *SMALL, "--steps", "100", "--log", "disk/log", folder=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assert_one_line(done.stderr, "disk/log.*No space left")


    def test_a_full_one_under_standard_output(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BALLAST, "train", *SMALL, "--steps", "2"], cwd=self.folder,
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=250,
                                  check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.complaints(done.stderr),
                         ["ballast: what was printed could not be written to standard output"])


class Limit(Sick):
    def limited(self, limit, *arguments):
        return run(*arguments, folder=self.folder, preexec_fn=limit)

    def test_of_file_sizes_below_the_segments(self):
        done = self.limited(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB)),
                            *self.on(".", "--steps", "2"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assert_one_line(done.stderr, r"EFBIG.*ulimit -f")

    def test_of_file_sizes_met_by_the_log(self):
        done = self.limited(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
                            "train", *SMALL, "--steps", "100", "--log", "log")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assert_one_line(done.stderr, "'log': File too large")

    def test_of_open_files(self):
        calm = self.undisturbed(2)
        codes = set()
        for most in range(4, 13):  # with fewer the loader does not get as far as main()
            (self.folder / "log.json").unlink(missing_ok=True)
            done = self.limited(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
                                *self.on(".", "--steps", "2", "--log", "log.json"))
            codes.add(done.returncode)
            if done.returncode == 0:
                self.assertEqual(self.losses(), calm)
            else:
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assert_one_line(done.stderr, "Too many open files")
        self.assertEqual(codes, {0, 2})

    def test_of_locked_memory(self):
        calm = self.undisturbed(4)
        done = self.limited(lock_little_memory,
                            *self.on(".", "--steps", "4", "--io", "uring", "--log", "log.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "plain memory .registration refused: ENOMEM; raise ulimit -l")
        self.assertEqual(self.losses(), calm)


class Refused(Sick):
    def test_io_uring(self):
        calm = self.undisturbed(4)
        for error in (errno.EPERM, errno.ENOSYS):
            name = errno.errorcode[error]
            done = run(*self.on(".", "--steps", "4", "--log", "log.json"), folder=self.folder,
                       preexec_fn=lambda: refuse_io_uring(error))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"pread/pwrite, 8 threads .io_uring refused: {name}.")
            self.assertEqual(self.losses(), calm)
            done = run(*self.on(".", "--steps", "4", "--io", "uring"), folder=self.folder,
                       preexec_fn=lambda: refuse_io_uring(error))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assert_one_line(done.stderr, rf"{name}.*--io posix")


if __name__ == "__main__":
    unittest.main()
