"""What the tests of the command share: a folder of their own, and the command that runs in it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

BALLAST = sys.argv.pop(1) if len(sys.argv) > 1 else "ballast"

# A model of half a million parameters that trains in about a second.
SMALL = ["--layers", "2", "--width", "128", "--heads", "4", "--tokens", "64", "--sequences", "2",
         "--tile-elements", "32Ki", "--validation-windows", "8", "--sample-tokens", "0"]
MIB = 1 << 20


def run(*arguments, folder, **options):
    return subprocess.run([BALLAST, *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=250, check=False, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(dir=".")
        self.folder = pathlib.Path(self.temporary.name).resolve()

    def tearDown(self):
        self.temporary.cleanup()

    def assert_left_nothing(self, but=()):
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), sorted(but))
