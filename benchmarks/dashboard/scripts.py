"""Bring the scripts and the style sheet that asv's page loads from the internet.

The versions below come from the npm registry by `npm pack`, once, into .asv/www, and are checked
by their hashes. None is kept in this repository. All are under the MIT license; the licenses in the
packages are copied with them.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / ".asv" / "www"


class Package(NamedTuple):
    """A package of the npm registry, and a dict of its files and their names in the page."""

    name: str
    version: str
    sha512: str
    files: dict


PACKAGES = [
    Package(
        "jquery",
        "3.3.1",
        "Ubldcmxp5np52/ENotGxlLe6aGMvmF4R8S6tZjsP6Knsaxd/xp3Zrh50cG93lR6nPXyUFwzN3ZSOQI0wRJNdGg==",
        {"dist/jquery.min.js": "jquery-3.3.1.min.js"},
    ),
    Package(
        "flot",
        "0.8.3",
        "xg2otcTJDvS+ERK+my4wxG/ASq90QURXtoM4LhacCq0jQW2jbyjdttbRNqU2cPykrpMvJ6b2uSp6SAgYAzj9tQ==",
        {
            f"jquery.flot{part}.js": f"jquery.flot{part}.js"
            for part in ("", ".time", ".selection", ".categories")
        },
    ),
    Package(
        "flot-orderbars",
        "1.0.0",
        "Jv51fvzevUjNXEeozpwEKfPjhiZhfiJddv0WHjduUTCmSF+7T5K7C9c9Y1wIVmUhDBv5fLMjgbwKecT0GIKPZA==",
        {"js/jquery.flot.orderBars.js": "jquery.flot.orderBars.js"},
    ),
    Package(
        "stupid-table-plugin",
        "1.1.3",
        "2Vk7XouQPxUQPRe9w0Fu7ZZ8kHLK7rDoLMsCgtKxRNJ7f4dSOGvW9CkHsq5wD6QsaEnWoyLBYH3xOEsrK3yWBg==",
        {"stupidtable.min.js": "stupidtable.min.js"},
    ),
    Package(
        "blueimp-md5",
        "2.19.0",
        "DRQrD6gJyy8FbiE4s+bDoXS9hiW3Vbx5uCdwvcCf3zLHL+Iv7LtGHLpr+GZV8rHG8tK766FGYBwRbu8pELTt+w==",
        {"js/md5.min.js": "md5.min.js"},
    ),
    Package(
        "bootstrap",
        "3.1.1",
        "TAzqS8E/ISpVHP29gYhy+1NSV+FJwApDVQhDfgLYsIuUDJiqJzH2DfORN5tiu+Ie2iBLrzEG34t4Rf465cigqg==",
        {
            "dist/js/bootstrap.min.js": "bootstrap.min.js",
            "dist/css/bootstrap.min.css": "bootstrap.min.css",
        },
    ),
]


class Unavailable(RuntimeError):
    """An error with the reason why the scripts are not available."""


def bring(folder=FOLDER, packages=PACKAGES):
    """Return the folder with all files of these packages, downloaded if one is missing."""
    folder = Path(folder)
    for package in packages:
        if not all((folder / name).is_file() for name in package.files.values()):
            with tempfile.TemporaryDirectory() as place:
                _unpack(package, _packed(package, Path(place)), folder)
    return folder


def _packed(package, place):
    """Return the path of a package's archive, downloaded by npm into `place` and checked."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm, which brings the scripts of asv's page, is not installed")
    what = f"{package.name}@{package.version}"
    command = [npm, "pack", what, "--silent", "--ignore-scripts", "--pack-destination", str(place)]
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not bring {what} within 2 minutes") from None
    found = list(place.glob("*.tgz"))
    if out.returncode or len(found) != 1:
        reason = " ".join((out.stderr or out.stdout).split())[-300:]
        raise Unavailable(f"npm did not bring {what}: {reason or 'it gave no reason'}")
    check(package, found[0].read_bytes())
    return found[0]


def check(package, blob):
    """Raise if these bytes are not the pinned archive."""
    found = base64.b64encode(hashlib.sha512(blob).digest()).decode()
    if found != package.sha512:
        raise ValueError(
            f"{package.name}@{package.version} has the SHA-512 {found}, but "
            f"benchmarks/dashboard/scripts.py pins {package.sha512}: it is another file"
        )


def _unpack(package, archive, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            inside = member.name.partition("/")[2]
            name = package.files.get(inside)
            if name is None and inside.upper().startswith("LICENSE"):
                name = f"{package.name}.LICENSE.txt"
            file = tar.extractfile(member) if name else None
            if file is not None:
                part = folder / f"{name}.part"
                part.write_bytes(file.read())
                part.replace(folder / name)
