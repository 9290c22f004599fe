"""Files that are there whole or not at all."""

import os
import secrets
import stat
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Replaces a file, the one that a link leads to. Devices, pipes and /dev/stdout are written into instead."""
    if _is_written_into(file):
        with file.open("a", encoding="utf-8") as device:
            device.write(text)
        return
    file = file.resolve()
    # A new name that nobody can guess, and never through a link that lies there.
    partial = file.with_name(f".{file.name[:100]}.{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
        _sync_folder(file.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A new name is only safe once its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_written_into(file: Path) -> bool:
    if str(file).startswith(("/dev/std", "/dev/fd/", "/proc/")):  # open already; behind it may be a regular file
        return True
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
