"""Ranks on several hosts train what as many threads of one process train, bit by bit.

usage: hosts_test.py BALLAST [unittest arguments]
A host is a network namespace with a name and an address of its own; all hang on one bridge and
reach each other by TCP only. Open MPI takes each name after --host for a host, with a daemon of its
own, and ranks share memory within what Open MPI takes for a host. That the ranks were apart is read
off the first host's interface: at least what the collectives brought to rank 0 came in by it.
Exits with 77 where namespaces are refused. The names lie in a mount namespace of this process, so
that nothing of it is left however it ends.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from own_mounts import mount, own_mounts

BALLAST = os.path.abspath(sys.argv.pop(1))
TRAIN = ["train", "--layers", "2", "--width", "64", "--heads", "2", "--tokens", "64",
         "--context", "64", "--sequences", "2", "--steps", "10", "--tile-elements", "8Ki",
         "--validation-windows", "8", "--sample-tokens", "0", "--log"]
STAGES = (0, 2, 3)

# What mpirun starts a host's daemon with, and the test mpirun itself.
AGENT = """#!/bin/sh
host=$1
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host && exec $*"
"""


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def let_names_of_namespaces_be_ours():
    refused = subprocess.run(["ip", "netns", "add", f"probe-{os.getpid()}"], check=False,
                             capture_output=True, text=True)
    if refused.returncode != 0:
        print(f"hosts_test: no network namespaces here: {refused.stderr.strip()}")
        sys.exit(77)
    ip("netns", "delete", f"probe-{os.getpid()}")
    own_mounts()
    mount("-t", "tmpfs", "tmpfs", "/run/netns")


def figures(log):
    """Of every step what it computed, and the bytes that rank 0 received."""
    lines = [json.loads(line) for line in pathlib.Path(log).read_text().splitlines()[1:]]
    wanted = ("step", "loss", "grad_norm", "validation_loss")
    received = sum(line["bytes"][hop] for line in lines if "loss" in line
                   for hop in ("reduce_scatter", "all_gather"))
    return [{key: line[key] for key in wanted if key in line} for line in lines], received


class Hosts(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=".")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name).resolve()
        self.agent = self.folder / "agent"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)

    def add_namespace(self, name):
        ip("netns", "add", name)
        self.addCleanup(ip, "netns", "delete", name)

    def add_hosts(self, count):
        self.add_namespace("switch")
        ip("-n", "switch", "link", "add", "bridge", "type", "bridge")
        ip("-n", "switch", "link", "set", "bridge", "up")
        hosts = [f"h{i}" for i in range(count)]
        for i, host in enumerate(hosts):
            self.add_namespace(host)
            ip("-n", host, "link", "add", "cable", "type", "veth", "peer", f"port{i}", "netns",
               "switch")
            ip("-n", "switch", "link", "set", f"port{i}", "master", "bridge", "up")
            ip("-n", host, "address", "add", f"10.77.0.{i + 1}/24", "dev", "cable")
            ip("-n", host, "link", "set", "lo", "up")
            ip("-n", host, "link", "set", "cable", "up")
        return hosts

    def train(self, command, log, *more):
        done = subprocess.run([*command, BALLAST, *TRAIN, log, *more], cwd=self.folder, check=False,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return figures(self.folder / log)

    @staticmethod
    def came_in(host):
        shown = json.loads(ip("-n", host, "-statistics", "-json", "link", "show", "cable"))
        return shown[0]["stats64"]["rx"]["bytes"]

    def train_on(self, hosts, ranks_each, stage, *more):
        ranks = len(hosts) * ranks_each
        before = self.came_in(hosts[0])
        there, received = self.train(
            [self.agent, hosts[0], "mpirun", "--allow-run-as-root", "--bind-to", "none",
             "--mca", "plm_rsh_agent", self.agent, "--mca", "btl", "self,vader,tcp",
             "--host", ",".join(f"{host}:{ranks_each}" for host in hosts), "-n", str(ranks)],
            f"hosts-{stage}", "--stage", str(stage), *more)
        came = self.came_in(hosts[0]) - before
        here, _ = self.train([], f"threads-{stage}", "--stage", str(stage), "--ranks", str(ranks))
        self.assertEqual(len(there), 12)
        self.assertEqual(there, here)
        # One of two ranks on a host has a third of that from the other, but both receive.
        self.assertGreaterEqual(came, received)
        print(f"{len(hosts)} hosts of {ranks_each}, stage {stage}: {came} bytes came in, "
              f"rank 0 received {received}; the same figures as of {ranks} threads")

    def mpirun(self, hosts, *parts):
        """One rank a host, each with a command of its own."""
        words = [self.agent, hosts[0], "mpirun", "--allow-run-as-root", "--bind-to", "none",
                 "--mca", "plm_rsh_agent", self.agent, "--mca", "btl", "self,vader,tcp"]
        for i, (host, part) in enumerate(zip(hosts, parts)):
            words += [":"] * (i > 0) + ["--host", f"{host}:1", "-n", "1", BALLAST, *part]
        begin = time.monotonic()
        done = subprocess.run(words, cwd=self.folder, check=False, capture_output=True, text=True,
                              timeout=60)
        return done, time.monotonic() - begin

    def test_one_host_lacks_the_text(self):
        hosts = self.add_hosts(2)
        train = [*TRAIN[:-1], "--stage", "3"]
        train[train.index("--steps") + 1] = "100000"
        done, took = self.mpirun(hosts, train, [*train, "--data", "/no/such/text"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/no/such/text", done.stderr)
        self.assertLess(took, 15)
        print(f"one of two hosts lacks the text: over after {took:.1f} s")

    def check(self, hosts, ranks_each):
        names = self.add_hosts(hosts)
        for stage in STAGES:
            with self.subTest(stage=stage):
                self.train_on(names, ranks_each, stage)

    def test_two_hosts(self):
        self.check(2, 1)

    def test_two_hosts_summed_by_mpi(self):
        # A sum of two is the same in any order.
        self.train_on(self.add_hosts(2), 1, 3, "--reduction", "library")

    def test_two_hosts_of_two_ranks(self):
        self.check(2, 2)

    def test_four_hosts(self):
        self.check(4, 1)


if __name__ == "__main__":
    let_names_of_namespaces_be_ours()
    unittest.main()
