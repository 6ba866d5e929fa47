"""What ./start and ./check share: asks the registry only for what is missing, and is quiet until something fails."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from planted import ROOT

# A registry of two packages; apt-get writes down how it is called. FAIL_FIRST: installs work only after an update.
DPKG = """#!/bin/sh
for name in "$@"; do
  case $name in present|also-present) echo "installed $name";; removed) echo "config-files $name";; esac
done
"""
APT = """#!/bin/sh
for word in "$@"; do case $word in install|update) command=$word;; esac; done
echo "$command $*" >> "$CALLS"
[ "$command" = update ] && touch "$CALLS.updated" && exit 0
echo "apt says no"
[ "$APT" = works ] || { [ "$APT" = works-after-update ] && [ -e "$CALLS.updated" ]; }
"""


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name, text in (("dpkg-query", DPKG), ("apt-get", APT), ("id", "#!/bin/sh\necho 0\n")):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    def bash(self, script, apt="works"):
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "CALLS": str(self.folder / "calls"), "APT": apt}
        return subprocess.run(["bash", "-c", f"root={self.folder}; . {ROOT}/tools/setup.sh; {script}"], env=environment,
                              cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def calls(self):
        path = self.folder / "calls"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def test_what_is_there_is_not_asked_for(self):
        done = self.bash("install_packages present also-present")
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.calls()), (0, "", "", []))

    def test_what_is_missing_is_installed(self):
        done = self.bash("install_packages present absent removed")
        self.assertEqual((done.returncode, self.calls()), (0, ["install"]))
        self.assertEqual(done.stderr, "hearth: installing absent removed\n")
        self.assertTrue((self.folder / "calls").read_text().endswith(" absent removed\n"))

    def test_old_lists_are_updated(self):
        done = self.bash("install_packages absent", apt="works-after-update")
        self.assertEqual((done.returncode, self.calls()), (0, ["install", "update", "install"]))
        self.assertNotIn("apt says no", done.stderr)

    def test_a_failure_shows_what_the_registry_said(self):
        done = self.bash("install_packages absent; echo went on", apt="fails")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("apt says no", done.stderr)
        self.assertIn("apt-get install absent", done.stderr)
        self.assertNotIn("went on", done.stdout)

    def test_without_root_and_sudo_it_says_what_to_do(self):
        (self.folder / "id").write_text("#!/bin/sh\necho 1000\n")
        done = self.bash("command() { [ $2 != sudo ] && builtin command \"$@\"; }; install_packages absent")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("as root: apt-get install absent", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_success_is_quiet(self):
        done = self.bash("quietly log sh -c 'echo said; echo warned >&2'")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual((self.folder / "log").read_text(), "said\nwarned\n")

    def test_a_failed_build_shows_what_failed(self):
        done = self.bash("quietly log sh -c 'echo fine; echo FAILED: this; echo because; exit 3'; echo went on")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertNotIn("fine", done.stderr.split("hearth:")[0])
        self.assertIn("FAILED: this\nbecause\n", done.stderr)
        self.assertIn("failed with 3", done.stderr)

    def test_every_package_list_is_of_words(self):
        done = self.bash("printf '%s\\n' $build_packages $test_packages")
        for name in done.stdout.split():
            self.assertRegex(name, r"^[a-z0-9][a-z0-9+.-]+$")
        self.assertIn("llvm-19-dev", done.stdout.split())


if __name__ == "__main__":
    unittest.main()
