"""Files that are there whole or not at all, whatever becomes of the process that writes them, or of the machine."""

import hashlib
import os
import platform
import re
import tempfile
from pathlib import Path

from theory.errors import OnemergeError


def write_whole(path, data):
    """Write bytes to `path`: a reader sees the old file or the whole new one. Returns their SHA-256 in hexadecimal."""
    path = Path(path)
    return write_stream(path.parent, path.name, lambda file: file.write(data), lambda _: path.name)


def write_stream(folder, stem, write, name):
    """Let `write(file)` write a file of the folder whose name is name(SHA-256 of its bytes); returns the SHA-256.

    The bytes go to a temporary file .<stem>-<process>@<machine>@<random> beside it and reach the disk before the name
    changes, and the name before this returns. Temporary files of the stem whose process was killed are removed first.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder, stem)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{stem}-{os.getpid()}@{platform.node()}@")
        try:
            with os.fdopen(handle, "wb") as file:
                digest = _write_hashed(file, write)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, folder / name(digest))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)  # which has its new name already, if we are so late
            raise
        sync_folder(folder)
    except OSError as error:
        raise OnemergeError(
            f"Cannot write {folder / stem}: {error.strerror}; choose a folder you can write with --out."
        ) from None
    return digest


class _Hashed:
    """A file that hashes what is written to it, and keeps the error of a write that failed."""

    def __init__(self, file):
        self.file, self.hash, self.error = file, hashlib.sha256(), None

    def write(self, data):
        self.hash.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self):
        self.file.flush()


def _write_hashed(file, write):
    hashed = _Hashed(file)
    try:
        write(hashed)
    except Exception:
        if hashed.error is not None:  # torch.save tells of a full disk in its own words
            raise hashed.error from None
        raise
    return hashed.hash.hexdigest()


def sync_folder(folder):
    """Have the names in a folder reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder, stem):
    """Remove temporary files of a stem that no process of this machine is writing any more."""
    temporary = re.compile(rf"\.{re.escape(stem)}-(\d+)@{re.escape(platform.node())}@.*")
    for entry in os.listdir(folder):
        found = temporary.fullmatch(entry)
        if found and not _runs(int(found[1])):
            Path(folder, entry).unlink(missing_ok=True)


def _runs(process):
    """Whether a process of this machine has this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
