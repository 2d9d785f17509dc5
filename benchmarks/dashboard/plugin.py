"""Extensions of asv: an environment for the fastopt of any commit, and a site without a CDN.

asv.conf.json names this module. The environment type `present` is this Python with its packages.
A commit's fastopt is not built and installed, but extracted from git into a folder that comes first
on the path. So two commits differ in nothing else, and switching between them costs nothing.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

from asv import util
from asv.environment import Environment
from asv.publishing import OutputPublisher

# asv imports this file by itself, not as a part of the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.dashboard import scripts


class Present(Environment):
    """The Python that runs asv, with the fastopt of a commit."""

    tool_name = "present"
    matches_python_fallback = False
    installed_commit_hash = None

    def __init__(self, conf, python, requirements, tagged_env_vars):
        versions = {name: metadata.version(name) for name in ("numba", "numpy")}
        self._python, self._requirements = python, {**requirements, **versions}
        super().__init__(conf, python, self._requirements, tagged_env_vars)

    @classmethod
    def matches(cls, python):
        return False  # this environment is selected by name only

    def create(self):
        """Do nothing: there is nothing to build."""

    def install_project(self, conf, repo, commit_hash):
        folder = Path(self._path, commit_hash)
        if not folder.exists():
            command = ["git", "-C", conf.repo, "archive", commit_hash, "fastopt"]
            files = subprocess.run(command, check=True, capture_output=True).stdout
            part = folder.with_suffix(f".{os.getpid()}")
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(part, filter="data")
            part.rename(folder)
        self._set_commit_hash(commit_hash)
        self.installed_commit_hash = commit_hash

    def run(self, args, **kwargs):
        folder = Path(self._path, self.installed_commit_hash)
        assert (folder / "fastopt").exists(), folder  # else another fastopt would be measured
        paths = {"ASV_PYTHONPATH": str(folder), "PYTHONPATH": str(folder)}  # for child processes
        env = {**(kwargs.pop("env", None) or os.environ), **self._global_env_vars, **paths}
        return util.check_output([sys.executable, *args], env=env, **kwargs)


class Offline(OutputPublisher):
    """A step of publishing that replaces scripts from the internet by local copies."""

    @classmethod
    def publish(cls, conf, repo, benchmarks, graphs, revisions):
        try:
            folder = scripts.bring()
        except scripts.Unavailable as error:
            print(f"The site will load its scripts from the internet: {error}.")
            return
        page = Path(conf.html_dir, "index.html")
        link = re.compile(r'"https:[^"]*/([^"/]+\.(?:js|css))"[^>]*')
        page.write_text(link.sub(lambda found: local(found, folder), page.read_text()))
        shutil.copytree(folder, conf.html_dir, dirs_exist_ok=True)


def local(link, folder):
    """Return the attributes of a script or style sheet, with our local copy if there is one."""
    name = link[1]
    for file in (name, name.replace(".min.", ".")):
        if (folder / file).exists():
            return f'"{file}"'
    return link[0]
