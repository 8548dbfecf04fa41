"""Something happens to one of four ranks of `ballast train` at a random moment: all of them end.

usage: mpi_train_failure_test.py BALLAST NO_MEMORY TIMES [SEED]
Every rank has its state on a "disk", a folder of a tmpfs. By turns, in some stage of ZeRO,

  killed   a rank gets SIGKILL
  stopped  a rank gets SIGSTOP
  thrown   operator new throws in a rank, once: SIGUSR1, and the preloaded library NO_MEMORY
  full     the tmpfs is filled: state keeps its room, which is reserved, and rank 0's log gets none
  gone     a rank's disk is an ext4 of its own, and that is shut down

Shown: within 10 s no process of the job is left, mpirun's exit status is not 0, a line names the
rank, or the file and the error, and nothing is left on the disks, named or unnamed. Needs root.
"""
import collections
import errno
import fcntl
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

from own_mounts import mount, own_mounts

RANKS = 4
# From the deed on; what is promised.
WITHIN = 10.0
EXT4_SHUTDOWN, NO_FLUSH = 0x8004587D, 2
MIB = 1 << 20

TRAIN = ["train", "--layers", "2", "--width", "64", "--heads", "2", "--tokens", "64", "--context",
         "64", "--sequences", "2", "--steps", "1000000", "--tile-elements", "8Ki", "--placement",
         "0,0", "--validation-windows", "8", "--sample-tokens", "0", "--log", "log"]
# A rank says which process it is, and has a disk of its own.
AS_RANK = 'echo $$ >process.$OMPI_COMM_WORLD_RANK && exec "$@" --nvme disk/$OMPI_COMM_WORLD_RANK'


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as filler:
        for piece in (b"x" * MIB, b"x" * 4096):
            try:
                while filler.write(piece) == len(piece):
                    pass
            except OSError as full:
                assert full.errno == errno.ENOSPC, full


def give_file_system(image, disk):
    with open(image, "wb") as file:
        file.truncate(64 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    mount("-o", "loop", image, disk)


def shut_down(disk):
    root = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(root, EXT4_SHUTDOWN, struct.pack("I", NO_FLUSH))
    finally:
        os.close(root)


def lives(process):
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class Job:
    """Ranks that train in `folder`, a tmpfs that is empty but for their disks."""

    def __init__(self, ballast, preload, folder, said, stage):
        self.folder, self.said, self.known = folder, said, set()
        self.mark = f"BALLAST_TEST_JOB={os.getpid()}.{time.monotonic_ns()}"
        name, _, value = self.mark.partition("=")
        with open(said, "wb") as output:
            self.mpirun = subprocess.Popen(
                ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", *preload,
                 "-n", str(RANKS), "sh", "-c", AS_RANK, "rank", ballast, *TRAIN,
                 "--stage", str(stage)],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, name: value})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.living():
            os.kill(process, signal.SIGKILL)
        self.mpirun.wait()

    def output(self):
        return self.said.read_text(errors="replace")

    def await_begin(self):
        end = time.monotonic() + 30
        while "ranks: MPI, 0 of" not in self.output():
            assert time.monotonic() < end and self.mpirun.poll() is None, self.output()
            time.sleep(0.02)

    def process(self, rank):
        return int((self.folder / f"process.{rank}").read_text())

    def living(self):
        """Every process that mpirun is or has started, wherever its parents are."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    self.known.add(int(entry.name))
            except OSError:
                pass
        # What is dying loses its environment before its files.
        return sorted(filter(lives, self.known))


def used(folder):
    state = os.statvfs(folder)
    return state.f_blocks - state.f_bfree, state.f_files - state.f_ffree


class Deed:
    def __init__(self, kind, draw):
        self.kind = kind
        self.stage = draw.randrange(4)
        self.rank = 0 if kind == "full" else draw.randrange(RANKS)
        self.delay = draw.uniform(0, 3)

    def __str__(self):
        return f"{self.kind:8} rank {self.rank}, stage {self.stage}, after {self.delay:4.2f} s"

    def do(self, job):
        signals = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "thrown": signal.SIGUSR1}
        if self.kind in signals:
            os.kill(job.process(self.rank), signals[self.kind])
        elif self.kind == "full":
            fill(job.folder)
        else:
            shut_down(job.folder / "disk" / str(self.rank))

    def line(self, process):
        """What must be said."""
        rank = rf"rank {self.rank}"
        return {"killed": rf"{rank} (\(process {process}\) has died|.*signal 9)",
                "stopped": rf"{rank} \(process {process}\) has given no sign of life for",
                # It dies where the memory was wanted in a destructor.
                "thrown": rf"{rank}(: an exception has ended it| \(process {process}\) has died)",
                "full": r"'log': No space left on device",
                "gone": rf"of disk/{self.rank}/.*\(EIO\)"}[self.kind]

    def run(self, ballast, no_memory, outer):
        """Does it, and returns how long the job lived on."""
        folder = outer / "file system"
        folder.mkdir()
        mount("-t", "tmpfs", "-o", "size=256M", "tmpfs", folder)
        try:
            return self.run_in(folder, ballast, no_memory)
        finally:
            subprocess.run(["umount", "--lazy", "--recursive", folder], check=True)
            folder.rmdir()

    def run_in(self, folder, ballast, no_memory):
        for rank in range(RANKS):
            (folder / "disk" / str(rank)).mkdir(parents=True)
        before = used(folder)
        disk = folder / "disk" / str(self.rank)
        if self.kind == "gone":
            give_file_system(folder.parent / "image", disk)
        preload = ["-x", f"LD_PRELOAD={no_memory}"] if self.kind == "thrown" else []
        with Job(ballast, preload, folder, folder.parent / "said", self.stage) as job:
            took = self.end(job)
        if self.kind == "gone":
            subprocess.run(["umount", disk], check=True)
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
        # The kernel gives io_uring's registered files back in its own time.
        end = time.monotonic() + WITHIN
        while (after := used(folder)) != before and time.monotonic() < end:
            time.sleep(0.02)
        assert after == before, f"blocks and files: {before} before, {after} after"
        return took

    def end(self, job):
        job.await_begin()
        time.sleep(self.delay)
        process = job.process(self.rank)
        begin = time.monotonic()
        self.do(job)
        while (left := job.living()) and time.monotonic() - begin < 4 * WITHIN:
            job.mpirun.poll()
            time.sleep(0.02)
        took = time.monotonic() - begin
        code = job.mpirun.poll()
        assert not left and took < WITHIN, f"{took:.1f} s, left: {left}\n{job.output()[-4000:]}"
        assert code != 0, f"exit status {code}\n{job.output()[-4000:]}"
        assert re.search(self.line(process), job.output()), job.output()[-4000:]
        return took


KINDS = ("killed", "stopped", "thrown", "full", "gone")


def main(ballast, no_memory, times, seed=None):
    seed = int(seed) if seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    own_mounts()
    all_took = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(dir=".") as outer:
        for index in range(int(times)):
            deed = Deed(KINDS[index % len(KINDS)], random.Random(f"{seed} {index}"))
            print(f"{index:3} {deed}: ", end="", flush=True)
            took = deed.run(ballast, no_memory, pathlib.Path(outer).resolve())
            print(f"{took:.2f} s", flush=True)
            all_took[deed.kind].append(took)
    for kind, each in all_took.items():
        print(f"{kind:8} {len(each):3} times, {min(each):.2f} to {max(each):.2f} s")


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:3]), *sys.argv[3:])
