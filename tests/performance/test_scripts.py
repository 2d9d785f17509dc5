"""The scripts of asv's page: all of them are pinned, and what else arrives is refused."""

import base64
import hashlib
import io
import pathlib
import re
import shutil
import subprocess
import tarfile
import types

import asv
import pytest

from benchmarks.dashboard import plugin, scripts

PAGE = pathlib.Path(asv.__file__).parent / "www" / "index.html"
LINK = re.compile(r'"(https:[^"]*\.(?:js|css))"')


def archive(**files):
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return blob.getvalue()


BLOB = archive(**{"dist/a.js": b"a = 1", "LICENSE": b"MIT", "other.js": b"no"})
SHA512 = base64.b64encode(hashlib.sha512(BLOB).digest()).decode()
PACKAGE = scripts.Package("a", "1.0", SHA512, {"dist/a.js": "a.min.js"})


@pytest.fixture
def npm(monkeypatch):
    """Stand-in for npm; what it answers."""
    answer = types.SimpleNamespace(blob=BLOB, code=0, calls=[])

    def run(command, **_):
        answer.calls.append(command)
        if answer.code == 0:
            pathlib.Path(command[-1], "a-1.0.tgz").write_bytes(answer.blob)
        return subprocess.CompletedProcess(command, answer.code, "", "npm error network\n")

    monkeypatch.setattr(scripts.subprocess, "run", run)
    monkeypatch.setattr(scripts.shutil, "which", lambda name: f"/bin/{name}")
    return answer


def test_what_is_pinned_arrives_once(npm, tmp_path):
    for _ in range(2):
        scripts.bring(tmp_path / "www", [PACKAGE])
    assert [command[1:3] for command in npm.calls] == [["pack", "a@1.0"]]
    found = {file.name: file.read_bytes() for file in (tmp_path / "www").iterdir()}
    assert found == {"a.min.js": b"a = 1", "a.LICENSE.txt": b"MIT"}


def test_another_archive_is_refused(npm, tmp_path):
    npm.blob = archive(**{"dist/a.js": b"a = 2"})
    with pytest.raises(ValueError, match=r"a@1\.0 has the SHA-512 .* pins .*: it is another file"):
        scripts.bring(tmp_path, [PACKAGE])
    assert not list(tmp_path.iterdir())


def test_without_a_network(npm, tmp_path):
    npm.code = 1
    with pytest.raises(scripts.Unavailable, match=r"npm did not bring a@1\.0: npm error network"):
        scripts.bring(tmp_path, [PACKAGE])


def test_without_npm(monkeypatch, tmp_path):
    monkeypatch.setattr(scripts.shutil, "which", lambda name: None)
    with pytest.raises(scripts.Unavailable, match="is not installed"):
        scripts.bring(tmp_path, [PACKAGE])


def site(tmp_path):
    shutil.copy(PAGE, tmp_path)
    return types.SimpleNamespace(html_dir=tmp_path)


def test_every_script_of_the_page_is_pinned(monkeypatch, tmp_path):
    """Nothing of the page comes from the internet any more."""
    folder = tmp_path / "www"
    folder.mkdir()
    for package in scripts.PACKAGES:
        assert len(base64.b64decode(package.sha512)) == 64
        for name in package.files.values():
            (folder / name).write_text(name)
    monkeypatch.setattr(scripts, "bring", lambda: folder)
    conf = site(tmp_path)
    assert len(LINK.findall((tmp_path / "index.html").read_text())) == 10
    plugin.Offline.publish(conf, None, None, None, None)
    assert not LINK.findall((tmp_path / "index.html").read_text())
    assert (tmp_path / "jquery.flot.time.js").exists()


def test_without_them_the_page_stays_as_it_is(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(scripts.shutil, "which", lambda name: None)
    monkeypatch.setattr(scripts.bring, "__defaults__", (tmp_path / "empty", scripts.PACKAGES))
    plugin.Offline.publish(site(tmp_path), None, None, None, None)
    said = "The site will load its scripts from the internet: npm, which brings"
    assert capsys.readouterr().out.startswith(said)
    assert (tmp_path / "index.html").read_text() == PAGE.read_text()
