"""`ballast bench` as a user meets it: what it refuses, what it finds, the shape of its document.

usage: bench_test.py BALLAST [unittest arguments]
Needs only the standard library. Nothing asserts a time or a rate.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BALLAST = sys.argv.pop(1) if len(sys.argv) > 1 else "ballast"

# Not a multiple of a slice, a block or a vector.
ODD = "50001"
# A disk's bench that moves 4 MiB a pass.
TINY = ["--size", "4MiB", "--tile", "384KiB"]
ONE_SETTING = ["--block-sizes", "256KiB", "--depths", "3"]
NUMBER = (int, float)
# Of every result, as ballast.bench/1 has them.
SHAPE = {"name": str, "params": dict, "unit": str, "median": NUMBER, "p05": NUMBER, "p95": NUMBER,
         "n": int, "bytes": int, "limit": (dict, type(None)), "efficiency": (*NUMBER, type(None)),
         "verified": bool}


def bench(*arguments):
    return subprocess.run([BALLAST, "bench", *arguments], capture_output=True, text=True, timeout=250,
                          check=False)


class Bench(unittest.TestCase):
    def document(self, *arguments):
        done = bench(*arguments, "--rounds", "1", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(list(document), ["schema", "context", "results"])
        self.assertEqual(document["schema"], "ballast.bench/1")
        context = document["context"]
        self.assertEqual(context["command"], "ballast bench " + arguments[0])
        self.assertEqual(context["settings"]["rounds"], 1)
        self.assertGreaterEqual(context["cores"], 1)
        self.assertRegex(context["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for result in document["results"]:
            self.check(result)
        self.assertTrue(document["results"])
        return document["results"], done.stderr

    def check(self, result):
        for key, kind in SHAPE.items():
            self.assertIsInstance(result[key], kind, key)
        self.assertEqual(result["n"], 1)
        self.assertTrue(result["verified"])
        self.assertLessEqual(result["p05"], result["median"])
        self.assertLessEqual(result["median"], result["p95"])
        self.assertEqual(result["limit"] is None, result["efficiency"] is None)
        if result["limit"] is not None:
            self.assertEqual(list(result["limit"]), ["name", "value"])
            self.assertGreater(result["limit"]["value"], 0)


class Refused(Bench):
    def refuse(self, code, pattern, *arguments):
        done = bench(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(done.stdout, "")

    def test_what_a_step_cannot_be_measured_with(self):
        self.refuse(2, "'nvm' is not one of .*did you mean 'nvme'", "step", "--ways", "nvm")
        self.refuse(2, "--placement is no matter of bench step", "step", "--placement", "0,1")
        self.refuse(2, "nowhere", "step", "--elements", "1e6", "--nvme", "nowhere")
        self.refuse(3, "free.*give fewer --elements", "step", "--elements", "1e12")
        self.refuse(3, "elements need .*give --elements", "step", "--elements", "1e11", "--ways", "host")

    def test_unknown_question(self):
        self.refuse(2, "no question \"adma\"; did you mean 'adam'", "adma")

    def test_no_question(self):
        self.assertEqual(bench().returncode, 2)
        self.assertIn("memory", bench("--help").stdout)

    def test_words_that_are_none(self):
        self.refuse(2, "--encodings.*'exat'.*mean 'exact'", "adam", "--encodings", "exat")
        self.refuse(2, "--gradients", "adam", "--gradients", "f64")
        self.refuse(2, "--optimizers.*mean 'adam", "adam", "--optimizers", "adamv")
        self.refuse(2, "--isas", "adam", "--isas", "neon")
        self.refuse(2, "--threads", "adam", "--threads", "0")
        self.refuse(2, "--elements", "adam", "--elements", "1e8x")
        self.refuse(2, "--elements", "adam", "--elements", "0")
        self.refuse(2, "--sizes", "memory", "--sizes", "0")

    def test_what_does_not_fit(self):
        self.refuse(3, "--elements", "adam", "--elements", "1e6", "--elements", "1e12")
        self.refuse(3, "--elements", "adam", "--elements", "1e12", "--against-passes")
        self.refuse(2, "--encodings", "adam", "--against-passes", "--encodings", "int8")
        self.refuse(2, "--isas", "adam", "--against-passes", "--isas", "avx2")
        self.refuse(3, "memory", "memory", "--sizes", "1TiB")

    def test_disks_that_cannot_be_measured(self):
        self.refuse(2, "NVMe folder nowhere", "nvme", "--nvme", "nowhere")
        self.refuse(2, "--ops.*mean 'read'", "nvme", "--ops", "raed")
        self.refuse(2, "--backends.*mean 'uring'", "nvme", "--backends", "uirng")
        self.refuse(2, "--block-sizes: 5000 bytes", "nvme", "--block-sizes", "5000")
        self.refuse(2, "--depths", "nvme", "--depths", "0")
        self.refuse(2, "--size 1MiB", "nvme", "--size", "1MiB", "--tile", "12MiB")
        self.refuse(3, "smaller --size", "nvme", "--size", "1000TiB")
        with tempfile.TemporaryDirectory(dir=".") as folder:
            self.refuse(2, "nowhere", "nvme", *TINY, "--nvme", folder, "--save", "nowhere/best.json")

    def test_ranks_that_cannot_be_measured(self):
        self.refuse(2, "--operations.*mean 'all_gather'", "collective", "--operations", "all_gathr")
        self.refuse(2, "--ranks", "collective", "--ranks", "1")
        self.refuse(2, "mpirun|-DBALLAST_MPI=ON", "collective", "--communicator", "mpi")
        self.refuse(3, "smaller --sizes", "collective", "--sizes", "1TiB")

    def test_a_gpu_that_is_not_there(self):
        self.refuse(2, "(?i)cuda", "adam", "--device", "cuda")

    def test_a_document_that_cannot_be_written(self):
        self.refuse(2, "nowhere", "adam", "--elements", ODD, "--json", "nowhere/at/all.json")


class Adam(Bench):
    def test_every_kind_on_every_instruction_set(self):
        with open("/proc/cpuinfo", encoding="ascii") as about:
            words = about.read()
        sets = ["sse2"] + [name for name, flag in (("avx2", "avx2"), ("avx512", "avx512dq"))
                           if re.search(rf"\b{flag}\b", words)]
        rows, _ = self.document(
            "adam", "--elements", ODD, "--threads", "1,3", "--isas", ",".join(sets),
            "--gradients", "f32,bf16,f16", "--optimizers", "adamw,adam,sgd")
        self.assertEqual(len(rows), 5 * 3 * 3 * 2 * len(sets))
        for row in rows:
            self.assertEqual(row["name"], "update")
            self.assertEqual(row["params"]["elements"], int(ODD))
            self.assertAlmostEqual(row["bytes"] / int(ODD), row["bytes_per_parameter"])
            self.assertIsNone(row["limit"])  # it stays in cache
        self.check_floors(rows, 2 * len(sets))

    def check_floors(self, rows, pairs):
        """Root and quotient are measured once for an instruction set and a number of threads."""
        floors = {}
        for row in rows:
            params = row["params"]
            if params["optimizer"] == "sgd":
                self.assertIsNone(row["floor"])
                continue
            self.assertEqual(list(row["floor"]), ["name", "value"])
            self.assertEqual(row["floor"]["name"], "root and quotient")
            floors.setdefault((params["isa"], params["threads"]), set()).add(row["floor"]["value"])
        self.assertEqual(len(floors), pairs)
        for pair, found in floors.items():
            self.assertEqual(len(found), 1, pair)
            self.assertGreater(min(found), 0, pair)

    def test_the_floor_stands_beside_the_time_and_is_blank_for_sgd(self):
        rows, table = self.document("adam", "--elements", ODD, "--threads", "1", "--encodings", "fp32",
                                    "--optimizers", "adam,sgd")
        header, adam, sgd = table.splitlines()
        end = header.index(" floor") + len(" floor")
        self.assertRegex(header, r"ns/param +floor +GB/s")
        self.assertEqual(adam[:end].split()[-1], f"{rows[0]['floor']['value']:.4f}")
        self.assertEqual(sgd[:end].split()[-1], f"{rows[1]['ns_per_parameter']:.4f}")
        self.assertEqual(sgd[:end][-8:].strip(), "")

    def test_bytes_are_those_of_the_encodings(self):
        rows, _ = self.document("adam", "--elements", "2Mi", "--threads", "1",
                                "--encodings", "fp32,exact,fp16,bf16,int8")
        self.assertEqual([row["bytes_per_parameter"] for row in rows], [26, 26, 28, 18, 12.125])

    def test_beyond_the_cache_there_is_a_limit(self):
        small = bench("adam", "--elements", ODD, "--rounds", "1", "--encodings", "exact", "--json", "-")
        cache = json.loads(small.stdout)["context"]["last_cache_bytes"]
        elements = max(16 << 20, cache // 8)  # which take 16 bytes each
        rows, table = self.document("adam", "--elements", str(elements), "--threads", "2",
                                    "--encodings", "exact", "--gradients", "f32")
        self.assertEqual(len(rows), 1)
        self.assertIsNotNone(rows[0]["limit"])
        self.assertRegex(table, rf"adamw exact f32 +{elements} +2 .* 28\.000")

    def test_a_flipped_bit_is_noticed(self):
        done = bench("adam", "--elements", ODD, "--flip")
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, "byte .* the reference's")

    def test_the_document_goes_to_a_file(self):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            file = pathlib.Path(folder) / "adam.json"
            done = bench("adam", "--elements", ODD, "--rounds", "2", "--json", str(file))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("ns/param", done.stdout)
            self.assertEqual(json.loads(file.read_text())["results"][0]["n"], 2)


class Passes(Bench):
    def test_both_arms_and_their_passes(self):
        rows, _ = self.document("adam", "--against-passes", "--elements", "4000001", "--threads", "1,2")
        arms = {(row["params"]["arm"], row["name"]): row for row in rows if row["params"].get("threads") == 2}
        self.assertEqual(list(arms), [
            ("fused", "step"), ("fused", "norm"), ("fused", "fused update"),
            ("passes", "step"), ("passes", "norm"), ("passes", "widen gradient"), ("passes", "clip"),
            ("passes", "fp32 update"), ("passes", "round weights"), ("both", "passes_over_fused")])
        self.assertEqual(len(rows), 20)
        for arm, width in (("fused", 28), ("passes", 50)):
            step = arms[arm, "step"]
            self.assertEqual(step["bytes_per_parameter"], width)
            parts = [row for key, row in arms.items() if key[0] == arm and key[1] != "step"]
            self.assertEqual(sum(row["bytes"] for row in parts), step["bytes"])
            self.assertAlmostEqual(sum(row["seconds"] for row in parts), step["seconds"])
        ratio = arms["both", "passes_over_fused"]
        self.assertEqual(ratio["unit"], "ratio")
        self.assertAlmostEqual(ratio["median"],
                               arms["passes", "step"]["seconds"] / arms["fused", "step"]["seconds"])

    def test_a_flipped_bit_is_noticed(self):
        done = bench("adam", "--against-passes", "--elements", ODD, "--flip")
        self.assertEqual(done.returncode, 4)
        self.assertIn("differ", done.stderr)


class Collective(Bench):
    SHARES = {"all_reduce": 2, "reduce_scatter": 1, "library_sum": 1, "all_gather": 1}

    def test_every_collective_in_every_type(self):
        rows, table = self.document("collective", "--sizes", "100KB,1MiB", "--ranks", "3", "--types", "f32,bf16,f16",
                                    "--communicator", "threads", "--operations", ",".join(self.SHARES))
        self.assertEqual([row["name"] for row in rows], [name for name in self.SHARES for _ in range(6)])
        self.assertIn("3 ranks: threads", table)
        for row in rows:
            params = row["params"]
            width = 4 if params["type"] == "f32" else 2
            self.assertEqual(params["size"] % (3 * 4096 * width), 0)  # whole blocks for every rank
            self.assertAlmostEqual(row["bus"], row["median"] * self.SHARES[row["name"]] * 2 / 3)
            self.assertEqual(row["limit"]["name"], "copy")
            self.assertIsNone(row["mpi"])
            # Of 3 ranks: each reads 3 shards and writes one; reads two and writes two.
            shards = {"all_reduce": 8, "reduce_scatter": 4, "library_sum": 4, "all_gather": 4}[row["name"]]
            self.assertEqual(row["bytes"], shards * params["size"])

    def test_a_flipped_bit_is_noticed(self):
        for operation in self.SHARES:
            done = bench("collective", "--operations", operation, "--sizes", "100KB", "--flip")
            self.assertEqual(done.returncode, 4)
            self.assertRegex(done.stderr, "rank 0 has [1-9][0-9]* wrong elements")


class Memory(Bench):
    def test_every_operation(self):
        rows, _ = self.document("memory", "--sizes", "100KB,3MiB", "--threads", "1,2")
        self.assertEqual(len(rows), 2 * 2 * 7)
        self.assertEqual({row["name"] for row in rows}, {"read", "write", "copy", "triad"})
        for row in rows:
            self.assertEqual(row["bytes"] % row["params"]["size"], 0)


class Nvme(Bench):
    """On the disk of the build; no figure of it is looked at."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(dir=".")
        self.folder = pathlib.Path(self.temporary.name).resolve()

    def tearDown(self):
        self.temporary.cleanup()

    def train(self, *arguments):
        """The settings in force and what the trainer says of its parts."""
        log = self.folder / "train.jsonl"
        done = subprocess.run(
            [BALLAST, "train", "--layers", "1", "--width", "64", "--heads", "2", "--tokens", "32", "--steps", "1",
             "--context", "32", "--validation-windows", "1", "--sample-tokens", "0", "--nvme", str(self.folder),
             "--placement", "0,0", "--log", str(log), *arguments],
            capture_output=True, text=True, timeout=250, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(log.read_text().splitlines()[0])["settings"], done.stdout

    def test_every_arm_on_two_paths(self):
        (self.folder / "a").mkdir()
        (self.folder / "b").mkdir()
        rows, table = self.document("nvme", *TINY, "--block-sizes", "256KiB", "--depths", "1,3", "--nvme", f"{self.folder}/a,{self.folder}/b")
        names = [row["name"] for row in rows]
        arms = {name: names.count(name) for name in names}
        # 3 operations in 2 orders; 2 settings and then the best one; 2 backends and then the best one,
        # which is found by stores.
        self.assertEqual(arms, {"saturation": 18, "queue": 30, "store": 10, "caller": 6})
        for row in rows:
            self.assertEqual(row["unit"], "GB/s")
            self.assertEqual(row["params"]["paths"], 2)
            self.assertGreaterEqual(row["checks_s_per_gib"], 0)
            self.assertIsNone(row["cpu_over_fio"])
            if row["limit"]:
                limit = {"queue": "saturation"}.get(row["name"], "queue")
                self.assertEqual(row["limit"]["name"], limit)
        self.assertIn("best: --io ", table)
        self.assertEqual(list((self.folder / "a").iterdir()), [])

    def test_the_best_setting_is_what_train_then_uses(self):
        best = self.folder / "best.json"
        self.document("nvme", *TINY, "--block-sizes", "192KiB", "--depths", "5", "--backends", "posix",
                      "--nvme", str(self.folder), "--save", str(best))
        saved = json.loads(best.read_text())
        self.assertEqual(saved, {"io": "posix", "io-request": 192 * 1024, "io-depth": 5})
        settings, said = self.train("--config", str(best))
        self.assertEqual({key: settings[key] for key in saved}, saved)
        self.assertRegex(said, r"pread/pwrite, [0-9]+ threads, 5 x 192 KiB, ")
        # The command line still wins, and another config may hold the rest.
        other = self.folder / "other.json"
        other.write_text('{"steps": 2, "io-depth": 7}')
        settings, said = self.train("--config", str(other), "--config", str(best), "--io", "auto")
        self.assertEqual((settings["io"], settings["io-depth"]), ("auto", 5))

    def test_a_lost_write_is_noticed(self):
        done = bench("nvme", *TINY, "--lose-write", "--nvme", str(self.folder))
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, r"^ballast bench nvme: the sector at byte 0 is not what was written[^\n]*\n$")

    @unittest.skipUnless(shutil.which("fio"), "no fio")
    def test_fio_does_the_same_jobs(self):
        rows, table = self.document("nvme", *TINY, *ONE_SETTING, "--with-fio", "--backends", "uring", "--nvme", str(self.folder))
        self.assertRegex(table, r"fio-\d")
        fio = [row for row in rows if row["name"] == "fio"]
        self.assertEqual(len(fio), 12)
        for row, plain in zip(fio, (row for row in rows if row["name"] == "saturation")):
            self.assertEqual(row["bytes"], plain["bytes"])
            self.assertEqual({**row["params"], "backend": 0, "moved_by": 0},
                             {**plain["params"], "backend": 0, "moved_by": 0})

    def test_without_fio_that_is_one_line(self):
        done = subprocess.run([pathlib.Path(BALLAST).resolve(), "bench", "nvme", *TINY, "--with-fio"],
                              cwd=self.folder, capture_output=True, text=True, timeout=250, check=False,
                              env={**os.environ, "PATH": str(self.folder)})
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^ballast bench nvme: --with-fio: there is no fio[^\n]*\n$")
        self.assertEqual(list(self.folder.iterdir()), [])


class Step(Bench):
    """On the disk of the build; no figure of it is looked at."""

    WAYS = ["nvme", "cached", "undigested", "loop", "inline", "host"]

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(dir=".")
        self.folder = pathlib.Path(self.temporary.name).resolve()

    def tearDown(self):
        self.temporary.cleanup()

    def test_every_way_in_every_encoding(self):
        (self.folder / "a").mkdir()
        (self.folder / "b").mkdir()
        rows, table = self.document(
            "step", "--elements", "300001", "--encodings", "fp32,exact,fp16,bf16,int8", "--ways", ",".join(self.WAYS),
            "--tile-elements", "16Ki", "--nvme", str(self.folder / "a"), "--nvme", str(self.folder / "b"))
        self.assertEqual([row["name"] for row in rows], self.WAYS * 5)
        # 300001 are 74 blocks of 4096: 18 whole tiles and a half, each moved in pages.
        stored = {"fp32": 8, "exact": 10, "fp16": 12, "bf16": 6, "int8": 3 + 8 / 128}
        for row in rows:
            params = row["params"]
            self.assertEqual((row["unit"], params["tiles"], params["elements"]), ("s", 19, 74 * 4096))
            self.assertEqual(params["cached_tiles"], 7 if row["name"] == "cached" else 0)
            moved = {"host": 0, "cached": 12 / 19}.get(row["name"], 1) * 2 * 74 * 4096 * stored[params["encoding"]]
            self.assertAlmostEqual(row["bytes"], moved, delta=moved * 0.1)
            self.assertGreater(row["cpu_seconds"], 0)
        self.assertRegex(table, "undigested int8: .*, no digests")
        self.assertEqual(list((self.folder / "a").iterdir()), [])

    def test_a_flipped_bit_is_noticed(self):
        done = bench("step", "--elements", "100000", "--encodings", "exact", "--nvme", str(self.folder), "--flip")
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, r"^ballast bench step: nvme: after 2 steps element \d+ is [^\n]*\n$")



if __name__ == "__main__":
    unittest.main()
