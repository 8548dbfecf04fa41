"""One of four ranks under mpirun does something wrong: all of them end, in time, and say who it was.

usage: mpi_failure_test.py MPIRUN FAILING_RANK [unittest arguments]
Needs only the standard library.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

MPIRUN, PROGRAM = sys.argv.pop(1), sys.argv.pop(1)
RANKS = 4
# From the deed on; what is promised.
WITHIN = 10.0


def lives(process):
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


class FailingRank(unittest.TestCase):
    def setUp(self):
        self.job = None

    def tearDown(self):
        if self.job is not None and self.job.poll() is None:
            self.job.terminate()
            self.job.wait(20)

    def start(self, deed, rank, hosts=0, words=()):
        self.job = subprocess.Popen(
            [MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n", str(RANKS), PROGRAM, deed, str(rank), str(hosts),
             *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes = {}
        while len(processes) < RANKS:
            line = self.job.stdout.readline()
            found = re.fullmatch(r"rank (\d+): process (\d+)\n", line)
            self.assertTrue(found, line or self.job.stderr.read())
            processes[int(found[1])] = int(found[2])
        return processes

    def ended(self, processes, pattern):
        began = time.monotonic()
        _, said = self.job.communicate(timeout=40)
        took = time.monotonic() - began
        self.assertNotEqual(self.job.returncode, 0, said)
        self.assertLess(took, WITHIN, said)
        self.assertRegex(said, pattern)
        # mpirun may be through before the kernel is.
        while any(map(lives, processes.values())) and time.monotonic() - began < WITHIN:
            time.sleep(0.05)
        self.assertFalse([process for process in processes.values() if lives(process)], said)
        print(f"{self.id().split('.')[-1]}: {took:.1f} s, exit {self.job.returncode}")

    def test_killed(self):
        processes = self.start("wait", 2)
        os.kill(processes[2], signal.SIGKILL)
        self.ended(processes, r"rank 2 .*(died|signal 9)")

    def test_stopped(self):
        processes = self.start("wait", 1)
        os.kill(processes[1], signal.SIGSTOP)
        self.ended(processes, rf"rank 1 \(process {processes[1]}\) has given no sign of life for")

    def test_stopped_while_the_others_compute(self):
        processes = self.start("compute", 0)
        time.sleep(1)
        os.kill(processes[0], signal.SIGSTOP)
        self.ended(processes, rf"rank 0 \(process {processes[0]}\) has given no sign of life for")

    def test_stopped_on_a_host_of_its_own(self):
        processes = self.start("wait", 1, hosts=4)
        time.sleep(1)
        os.kill(processes[1], signal.SIGSTOP)
        self.ended(processes, "the host of rank 1 has given no sign of life for")

    def test_aborted_on_another_host(self):
        self.ended(self.start("abort", 3, hosts=2), "rank 3: no space left on /scratch")

    def test_thrown(self):
        self.ended(self.start("throw", 3), "rank 3: an exception has ended it")

    def test_aborted(self):
        self.ended(self.start("abort", 0), "rank 0: no space left on /scratch")

    def test_killed_while_mpi_sums(self):
        for hosts in (0, 2):
            with self.subTest(hosts=hosts):
                processes = self.start("wait", 2, hosts, ["library"])
                time.sleep(1)
                os.kill(processes[2], signal.SIGKILL)
                self.ended(processes, r"rank 2 .*(died|signal 9)")

    def test_stopped_while_mpi_sums(self):
        processes = self.start("wait", 1, words=["library"])
        time.sleep(1)
        os.kill(processes[1], signal.SIGSTOP)
        self.ended(processes, rf"rank 1 \(process {processes[1]}\) has given no sign of life for")

    def test_aborted_while_mpi_sums(self):
        for hosts in (0, 2):
            with self.subTest(hosts=hosts):
                self.ended(self.start("abort", 3, hosts, ["library"]), "rank 3: no space left on /scratch")

    def test_left_while_mpi_sums(self):
        self.ended(self.start("leave", 1, words=["library"]),
                   "rank 1 has left before reduce_scatter by the library of layer 1, sequence 3")

    def test_left(self):
        self.ended(self.start("leave", 1), "rank 1 has left before all_gather of layer 1, sequence 3")

    def test_left_on_another_host(self):
        for hosts in (2, 4):
            self.ended(self.start("leave", 1, hosts),
                       "rank 1 has left before all_gather of layer 1, sequence 3")

    def test_disagreed(self):
        self.ended(self.start("mismatch", 2), r"ranks disagree.*sequence 103")

    def test_late(self):
        self.ended(self.start("late", 2), "rank 2 did not come to all_gather of layer 1, sequence 3")


if __name__ == "__main__":
    unittest.main()
