"""PostgreSQL refuses to run as root: who it runs as then, and where its files lie so that this user reaches them."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from girih.errors import Unavailable

SYSTEM_DIR = Path("/var/lib/girih")
"""Where root's servers lie when the data folder is below a private one (such as `/root`)."""

_USERS = ("nobody", "daemon")


@dataclass(frozen=True)
class OsUser:
    """An operating system user that owns nothing of value."""

    uid: int
    gid: int


def server_user(data: Path) -> OsUser | None:
    """The user to run a server on `data` as: `None` (stay who we are) unless this process is root's.

    Data that somebody else made before stays theirs: with `sudo` and without, the same folder works.
    Raises `Unavailable` when root has no unprivileged user to switch to, or when we are a user without a name, which
    PostgreSQL does not take.
    """
    if os.geteuid() != 0:
        _require_name(os.geteuid())
        return None
    if data.exists() and data.stat().st_uid != 0:
        return OsUser(data.stat().st_uid, data.stat().st_gid)
    for name in _USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return OsUser(entry.pw_uid, entry.pw_gid)
    raise Unavailable(
        "PostgreSQL does not run as root, and this system has no user `nobody`",
        help="run girih as an ordinary user, or set GIRIH_DATABASE_URL",
    )


def _require_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise Unavailable(
            f"PostgreSQL runs only as a user with a name, and user {uid} has none on this system",
            help="run girih as a user of /etc/passwd, or set GIRIH_DATABASE_URL",
        ) from None


def reachable(path: Path) -> bool:
    """Whether any user may walk to `path` (each folder above it, and itself if it exists, lets others through)."""
    path = path.resolve()
    folders = [folder for folder in (path, *path.parents) if folder.exists()]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def server_home(folder: Path, user: OsUser | None) -> Path:
    """The folder for a server's files: `folder`, or, when `user` cannot get there, one below `SYSTEM_DIR`.

    Then `folder` becomes a link to it, so that the place is remembered and visible. A place whose link is gone
    belonged to a data folder that was removed; its content goes too.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if user is None or (reachable(folder.parent) and not folder.is_symlink()):
        folder.mkdir(exist_ok=True)
        return folder
    key = hashlib.sha256(str(folder.parent.resolve() / folder.name).encode()).hexdigest()[:16]
    home = SYSTEM_DIR / f"{folder.name}-{key}"
    if folder.is_symlink() and folder.resolve() == home.resolve() and home.is_dir():
        return home
    shutil.rmtree(home, ignore_errors=True)
    SYSTEM_DIR.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and not folder.is_symlink():  # the folder above became private only now
        shutil.move(folder, home)
        _give(home / "data", user)
    else:
        folder.unlink(missing_ok=True)
        home.mkdir()
    folder.symlink_to(home)
    return home


def _give(folder: Path, user: OsUser) -> None:
    """Make all below `folder` the user's: a move to another file system forgets whose it was."""
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def reachable_copy(installation: Path, user: OsUser | None) -> Path:
    """`installation` (`…/package/pginstall`) itself, or a copy of its package where `user` reaches it.

    The copy keeps the libraries that the wheel put beside the package; its name tells version and build.
    """
    if user is None or reachable(installation / "bin"):
        return installation
    package = installation.parent
    built = (installation / "bin" / "postgres").stat()
    target = SYSTEM_DIR / f"{package.name}-{built.st_size}-{int(built.st_mtime)}"
    if not target.exists():
        partial = SYSTEM_DIR / f".{target.name}-{os.getpid()}"
        for part in (installation, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, partial / part.relative_to(package.parent), symlinks=True)
        partial.chmod(0o755)
        partial.rename(target)
    return target / installation.relative_to(package.parent)
