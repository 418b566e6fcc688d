"""Network shares: whether a file lies on one, and whether locks hold there for all machines that mount it.

SQLite's write-ahead log needs memory that is shared, which no two machines have, and locks, which some shares only seem
to have. The table of mounts says which is which; where there is none, as outside of Linux, what SQLite refuses does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import RequestError

TABLE = Path("/proc/self/mounts")

_NO_LOCKS = {
    "9p": "9P",
    "davfs": "WebDAV",
    "fuse.sshfs": "SSHFS",
    "fuse.curlftpfs": "FTP",
    "fuse.davfs2": "WebDAV",
    "fuse.gcsfuse": "Cloud Storage",
    "fuse.goofys": "S3",
    "fuse.mount-s3": "S3",
    "fuse.rclone": "rclone",
    "fuse.s3fs": "S3",
}
"""File systems without locks that other machines would see, and their names for people."""

_LOCKS = {
    "afs": "AFS",
    "beegfs": "BeeGFS",
    "ceph": "CephFS",
    "cifs": "SMB",
    "fuse.ceph": "CephFS",
    "fuse.glusterfs": "GlusterFS",
    "gfs2": "GFS2",
    "gpfs": "GPFS",
    "lustre": "Lustre",
    "nfs": "NFS",
    "nfs4": "NFS",
    "ocfs2": "OCFS2",
    "smb3": "SMB",
    "smbfs": "SMB",
    "wekafs": "Weka",
}
"""File systems with such locks, unless they are mounted without."""

_WITHOUT = re.compile(r"nolock|nobrl|localflock|local_lock=(all|flock|posix)")
"""Options of a mount that keep locks to this machine."""

_RIGHT = "a server as postgresql://user@host/base"

_told = logging.getLogger("holdfast")
_warned: set[str] = set()


@dataclass(frozen=True)
class Share:
    """A network share: its ``name`` for people, where it is mounted (``at``), and whether it has ``locks``."""

    name: str
    at: str
    locks: bool


def share_of(path: Path, table: str | None = None) -> Share | None:
    """The network share that a path lies on; None for a disk of this machine, or where nobody can tell.

    Args:
        path: of a file, which need not be there.
        table: the mounts in the form of /proc/self/mounts; those of this machine if None.
    """
    place = str(path.absolute().parent.resolve() / path.name)
    inside = [mount for mount in _mounts(table) if mount[0] == "/" or f"{place}/".startswith(f"{mount[0]}/")]
    if not inside:
        return None
    at, kind, options = max(inside, key=lambda mount: len(mount[0]))  # of two at one place the last one is seen
    if at == "/":
        return None  # the disk of a container or a machine without one
    if kind in _NO_LOCKS:
        return Share(_NO_LOCKS[kind], at, locks=False)
    if kind in _LOCKS:
        off = any(_WITHOUT.fullmatch(option) for option in options)
        return Share(_LOCKS[kind], at, locks=not off and (kind != "lustre" or "flock" in options))
    return None


def check_share(path: Path, table: str | None = None) -> None:
    """Refuse a file on a share without locks, and say so of one on a share with them, once for each share.

    Raises:
        RequestError: as said.
    """
    share = share_of(path, table)
    if share is None:
        return
    if not share.locks:
        raise RequestError(
            f"storage '{path}' lies on a network share without file locks ({share.name} at {share.at}), where two "
            f"processes would write over each other; name a file on a disk of this machine, or {_RIGHT}"
        )
    if share.at not in _warned:
        _warned.add(share.at)
        _told.warning(
            "'%s' lies on a network share (%s at %s), where only one machine at a time may work on a study;"
            " for several name %s",
            path,
            share.name,
            share.at,
            _RIGHT,
        )


def _mounts(table: str | None) -> Iterable[tuple[str, str, list[str]]]:
    """Where something is mounted, what, and by which options; the last first."""
    if table is None:
        table = TABLE.read_text(encoding="utf-8", errors="surrogateescape") if TABLE.is_file() else ""
    for line in reversed(table.splitlines()):
        _, at, kind, options, *_ = line.split(" ")
        yield re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), at), kind, options.split(",")
