"""Where a project's embedded server, stored values and logs live: the `.lockstep` folder.

One folder per project, found as git finds its own: the nearest one above the working directory. It
holds what was run and nothing that was written by hand, so it ignores itself in git and is closed
to other users of the machine.
"""

import errno
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep.errors import LockstepError

VARIABLE = "LOCKSTEP_HOME"
FOLDER = ".lockstep"
LEAST_FREE = 64 * 1024 * 1024
"""Bytes. A server that starts on a full disk answers, and then fails every run."""


@dataclass(frozen=True)
class Home:
    """The folder and what is where in it; nothing is made until `ensure`."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None, environ: Mapping[str, str] | None = None) -> "Home":
        """`LOCKSTEP_HOME`, else the nearest `.lockstep` from `start` upwards, else one in it."""
        named = (os.environ if environ is None else environ).get(VARIABLE)
        if named:
            return cls(Path(named).expanduser().absolute())
        here = (start or Path.cwd()).absolute()
        for folder in (here, *here.parents):
            # A file of that name counts: it is refused later, which beats using another home.
            if os.path.lexists(folder / FOLDER):
                return cls(folder / FOLDER)
        return cls(here / FOLDER)

    @property
    def database(self) -> Path:
        return self.root / "temporal.db"

    @property
    def server_lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def record(self) -> Path:
        return self.root / "server.json"

    @property
    def values(self) -> Path:
        return self.root / "values"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def ensure(self) -> None:
        """Makes the folder and what is in it, or LS-SRV-007; doing it twice is harmless."""
        try:
            for folder in (self.root, self.values, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            # Asked of a folder that exists already, and the only question root can fail: is the
            # file system mounted read-only?
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise self.refused(error) from None

    def check_writable(self) -> None:
        """LS-SRV-007 unless the folder can be written to, or made; nothing is."""
        there = self._there
        if not there.is_dir():
            raise self.refused(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
        if not os.access(there, os.W_OK | os.X_OK):
            raise self.refused(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def check_space(self, least: int = LEAST_FREE) -> None:
        """LS-SRV-007 unless `least` bytes are free where the folder is or would be."""
        free = shutil.disk_usage(self._there).free
        if free < least:
            mebibytes = 1024 * 1024
            raise LockstepError.of(
                "LS-SRV-007",
                str(self.root),
                f"{free // mebibytes} MiB are free on this disk, and the server needs"
                f" {least // mebibytes} MiB",
                f"free some space, or set {VARIABLE} to a folder on another disk",
            )

    @property
    def _there(self) -> Path:
        """The folder itself, or the nearest above it that exists."""
        return next(one for one in (self.root, *self.root.absolute().parents) if one.exists())

    def refused(self, error: OSError) -> LockstepError:
        """LS-SRV-007 for an operating system's refusal to write here."""
        reason = (error.strerror or type(error).__name__).lower()
        fix = f"make it a folder you may write to, or set {VARIABLE} to another one"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fix = f"free some space, or set {VARIABLE} to a folder on another disk"
        return LockstepError.of("LS-SRV-007", str(self.root), f"cannot be written: {reason}", fix)
