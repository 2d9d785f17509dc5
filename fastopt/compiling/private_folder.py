"""A directory of the user's own: read and written without following links, and checked each time.

If the platform can, all accesses use a handle of the directory whose owner and mode were checked.
So nobody can substitute another directory or file.
"""

import contextlib
import errno
import os
import stat
import sys
import threading

HANDLES = {os.open, os.stat, os.unlink, os.rename} <= os.supports_dir_fd
HANDLES = HANDLES and os.listdir in os.supports_fd
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Folder:
    """The directory at `path`, which need not exist yet.

    Raises
    ------
    OSError
        From every method, if the directory is missing or cannot be trusted.
    """

    read_only = False

    def __init__(self, path):
        # Resolved once: the process may change its working directory later.
        self.path = os.path.realpath(path)

    def make(self):
        """Create the directory if it is missing, and check that it can be written."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        try:
            self.write(f"{_own()}.test", b"", keep=False)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not self.sizes():
                raise
            self.read_only = True  # a filled directory of a container image, say

    def sizes(self):
        """Return the names of the files, and their sizes."""
        with self.open_folder() as (handle, base):
            names = os.listdir(self.path if handle is None else handle)
            found = {name: _size(base + name, handle) for name in names}
        return {name: size for name, size in found.items() if size is not None}

    def share(self):
        """Let other users read the files."""
        with self.open_folder() as (handle, base):
            for name in os.listdir(self.path if handle is None else handle):
                if handle is not None:
                    _allow(base + name, handle, 0o644)
        os.chmod(self.path, 0o755)

    @contextlib.contextmanager
    def open_folder(self):
        """Open the checked directory, and yield an argument for `dir_fd` and a prefix of names."""
        if not HANDLES:
            require_own(os.lstat(self.path))
            yield None, self.path + os.sep
            return
        handle = os.open(self.path, os.O_RDONLY | _DIRECTORY)
        try:
            require_own(os.fstat(handle))
            yield handle, ""
        finally:
            os.close(handle)

    def read(self, name):
        """Return the bytes of a file."""
        with self.open_folder() as (handle, base):
            number = os.open(base + name, os.O_RDONLY | _PLAIN, dir_fd=handle)
            with open(number, "rb") as file:
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    raise OSError("not a file")
                return file.read()

    def write(self, name, blob, keep=True):
        """Write a file atomically."""
        with self.open_folder() as (handle, base):
            part = f"{base}{name}.{_own()}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
            try:
                with open(os.open(part, flags, 0o600, dir_fd=handle), "wb") as file:
                    file.write(blob)
                if keep:
                    os.replace(part, base + name, src_dir_fd=handle, dst_dir_fd=handle)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=handle)

    def prune(self, suffix, most):
        """Keep the newest `most` files with this suffix or .part, and remove the others."""
        with self.open_folder() as (handle, base):
            ages = []
            for name in os.listdir(self.path if handle is None else handle):
                if name.endswith((suffix, ".part")):  # .part: of a process that was killed
                    with contextlib.suppress(FileNotFoundError):
                        found = os.stat(base + name, dir_fd=handle, follow_symlinks=False)
                        ages.append((found.st_mtime, name))
            for _, name in sorted(ages)[:-most]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(base + name, dir_fd=handle)


def _size(name, handle):
    """Return a file's size, or None if another process has just removed it."""
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def _allow(name, handle, mode):
    with contextlib.suppress(FileNotFoundError):
        number = os.open(name, os.O_RDONLY | _PLAIN, dir_fd=handle)
        try:
            if stat.S_ISREG(os.fstat(number).st_mode):
                os.fchmod(number, mode)
        finally:
            os.close(number)


def _own():
    return f"{os.getpid()}-{threading.get_ident()}"


def require_own(status):
    """Raise a PermissionError if code from a directory of this status should not be run."""
    if not hasattr(os, "getuid"):
        return
    if status.st_uid not in (os.getuid(), 0):  # root can run any code anyway
        raise PermissionError(None, "belongs to another user, whose code would be run")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = f"mode {stat.S_IMODE(status.st_mode):o}"
        text = f"can be written by others ({mode}), whose code would be run: chmod 700 it"
        raise PermissionError(None, text)


def cache_home():
    """Return the user's directory for caches, or None if there is no home directory."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:  # the XDG specification says that a relative path must be ignored
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = given if os.path.isabs(given) else "~/.cache"
    found = os.path.expanduser(base)
    return found if os.path.isabs(found) else None
