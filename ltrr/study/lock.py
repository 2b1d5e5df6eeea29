"""The lock on a run's folder: one driver and its own workers write there, and nobody else.

A driver holds ``.driver.lock`` alone from before its first write to after its last. Each of its workers
holds ``.workers.lock``, shared with the others, while it runs a cell. Locks end with the process that holds
them, so a driver that was killed leaves none behind, but its workers may work on for a moment. The next
driver first takes ``.driver.lock``, writes a token of its own into it and then waits until nobody holds
``.workers.lock``. A worker checks the token after it has taken ``.workers.lock``: either it still finds its
own driver's, and then the next driver waits for it, or it does not, and then it writes nothing.

Workers must be started by ``exec`` (loky does), which closes files: a forked child would inherit the lock.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ltrr._state import is_aside
from ltrr.errors import InputError

__all__ = ["LOCK_FILES", "SHARED_PREFIX", "Driver", "driving", "end_with", "working"]

DRIVER, WORKERS = ".driver.lock", ".workers.lock"
LOCK_FILES = (DRIVER, WORKERS)

SHARED_PREFIX = "ltrr-shared-"
"""How the names of the drivers' temporary folders begin; a folder of another name is never removed."""

PATIENCE_SECONDS = 60.0
"""How long a driver waits for the workers of one that was killed; they end within a call of native code."""

POLL_SECONDS = 0.1
MOST_ATTEMPTS = 20
"""How often a folder is made again if others remove it between its making and its locking."""


@dataclass(frozen=True)
class Driver:
    """The process that holds the lock of a run's folder.

    Parameters
    ----------
    folder : Path
        The run's folder, absolute, because workers may have another current folder.
    pid : int
    token : str
        A random text that no other driver has.

    Examples
    --------
    The lock files are there while a driver holds them, and a second driver is refused:

    >>> with tempfile.TemporaryDirectory() as place:
    ...     with driving(Path(place), shared=Path(place, "shared"), note=print) as driver:
    ...         held = sorted(path.name for path in driver.folder.iterdir())
    ...         try:
    ...             with driving(driver.folder, shared=Path(place, "other"), note=print):
    ...                 pass
    ...         except InputError as error:
    ...             refused = "is being written by another run" in str(error)
    ...     left = list(Path(place).iterdir())
    >>> driver.pid == os.getpid(), held, refused, left
    (True, ['.driver.lock', '.workers.lock'], True, [])
    """

    folder: Path
    pid: int
    token: str


@contextmanager
def driving(folder: Path, *, shared: Path, note: Callable[[str], None]) -> Iterator[Driver]:
    """Hold the lock of a run's folder, made if absent, and clean up after a driver that was killed.

    Parameters
    ----------
    folder : Path
    shared : Path
        The driver's temporary folder, for the next driver to remove if this one is killed.
    note : callable
        Called with a line about what is being waited for.

    Raises
    ------
    InputError
        If another driver holds the lock, workers of a killed one do not end, or the file system has no locks.
    OSError
        If the folder cannot be made or written.
    """
    fd = _lock_driver(folder)
    driver = Driver(folder.absolute(), os.getpid(), uuid.uuid4().hex)
    try:
        before = _read(folder)
        _remove_shared(before)
        _write(fd, _about(driver, shared))
        if not _workers_end(folder, PATIENCE_SECONDS, note):
            raise InputError(
                f"{folder} is still written by workers of a run that was killed ({_holder(before)}); "
                "end these processes, then start again"
            )
        _remove_halves(folder)
        yield driver
    finally:
        _unlock(folder, fd)


@contextmanager
def working(driver: Driver) -> Iterator[None]:
    """Hold the workers' lock of a run's folder; end this process at once where its driver is gone.

    In the driver's own process there is nothing to do.

    Raises
    ------
    InputError
        If the driver lives but its lock was removed.
    """
    if os.getpid() == driver.pid:
        yield
        return
    end_with(driver.pid)
    lost = InputError(f"{driver.folder} lost its {DRIVER} while it was written; start again with --resume")
    try:
        fd = _take(driver.folder / WORKERS, fcntl.LOCK_SH, make=False)
    except FileNotFoundError:
        _end_without(driver.pid)
        raise lost from None
    try:
        _end_without(driver.pid)
        if _read(driver.folder).get("token") != driver.token:
            raise lost
        yield
    finally:
        os.close(fd)


@functools.cache
def end_with(driver: int) -> None:
    """Let this process end within a moment of its driver, from whatever it is doing."""

    def watch() -> None:
        while True:
            _end_without(driver)
            time.sleep(POLL_SECONDS)

    if os.getpid() != driver:
        threading.Thread(target=watch, name="ltrr-driver-watch", daemon=True).start()


def _end_without(driver: int) -> None:
    """End this process where the driver is no longer its parent; nobody is left to tell."""
    if os.getppid() != driver:
        os._exit(1)


def _lock_driver(folder: Path) -> int:
    """Return the open and locked file of a driver."""
    attempts = 0
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _take(folder / DRIVER, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder} is being written by another run ({_holder(_read_patiently(folder))}); "
                "wait for its end, or choose another place"
            ) from None
        except FileNotFoundError:  # another driver ended and took its empty folder along
            attempts += 1
            if attempts == MOST_ATTEMPTS:
                raise


def _take(path: Path, mode: int, *, make: bool = True) -> int:
    """Open a lock file, made if absent, and lock it; a file that was removed meanwhile is opened again."""
    while True:
        # open for writing, without which some network file systems lock nothing
        fd = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
        locked = False
        try:
            fcntl.flock(fd, mode)
            locked = _lies_at(path, fd)
        except BlockingIOError:
            raise
        except OSError as error:
            if path.name == DRIVER and os.fstat(fd).st_size == 0:  # made just now, and of no use
                path.unlink(missing_ok=True)
            raise InputError(
                f"{path.parent} lies on a file system that cannot lock files ({error.strerror or error}), so "
                "that two runs could write there at once; choose a place on a local disk"
            ) from error
        finally:
            if not locked:
                os.close(fd)
        if locked:
            return fd


def _lies_at(path: Path, fd: int) -> bool:
    """Say whether an open file is the one at a path, and not one that was removed or replaced."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _read(folder: Path) -> Mapping[str, Any]:
    """Return what the lock says of the driver that holds it or held it last, which may be nothing."""
    try:
        about = json.loads((folder / DRIVER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _read_patiently(folder: Path) -> Mapping[str, Any]:
    """Return what the lock says, after a moment where its holder has only just taken it."""
    for _ in range(10):
        about = _read(folder)
        if about:
            return about
        time.sleep(POLL_SECONDS)
    return {}


def _about(driver: Driver, shared: Path) -> dict[str, Any]:
    """Return what a lock says of the driver that holds it."""
    return {
        "pid": driver.pid,
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
        "token": driver.token,
        "shared": os.fspath(shared.absolute()),
    }


def _write(fd: int, about: Mapping[str, Any]) -> None:
    """Replace what a lock says."""
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps(about).encode(), 0)


def _holder(about: Mapping[str, Any]) -> str:
    """Return the words for a driver."""
    if not about:
        return "its process is not known"
    return f"process {about.get('pid')} on {about.get('host')} since {about.get('since')}"


def _workers_end(folder: Path, seconds: float, note: Callable[[str], None]) -> bool:
    """Wait until no worker holds its lock, and say whether that came true."""
    deadline = time.monotonic() + seconds
    noted = False
    while True:
        with suppress(BlockingIOError):
            os.close(_take(folder / WORKERS, fcntl.LOCK_EX | fcntl.LOCK_NB))
            return True
        if time.monotonic() > deadline:
            return False
        if not noted:
            note(f"Waiting for workers of a run that was killed to leave {folder}")
        noted = True
        time.sleep(POLL_SECONDS)


def _remove_shared(before: Mapping[str, Any]) -> None:
    """Remove the temporary folder of a driver that was killed; what its workers have mapped stays mapped."""
    shared = Path(str(before.get("shared", "")))
    ours = shared.name.startswith(SHARED_PREFIX) and shared.parent == Path(tempfile.gettempdir()).absolute()
    if ours and before.get("host") == socket.gethostname() and not shared.is_symlink():
        shutil.rmtree(shared, ignore_errors=True)


def _remove_halves(folder: Path) -> None:
    """Remove the half-written files of processes that were killed."""
    for path in folder.rglob(".*.part"):
        if is_aside(path):
            path.unlink(missing_ok=True)


def _unlock(folder: Path, fd: int) -> None:
    """Remove the lock files, as long as they are locked, and unlock."""
    try:
        with suppress(OSError, InputError):
            if not _lies_at(folder / DRIVER, fd):
                return
            os.ftruncate(fd, 0)  # no worker that begins only now finds its driver's token
            # Where a worker could not be ended the files stay, and the next driver waits for it.
            if _workers_end(folder, 2.0, lambda _: None):
                (folder / WORKERS).unlink(missing_ok=True)
                (folder / DRIVER).unlink()
    finally:
        os.close(fd)
