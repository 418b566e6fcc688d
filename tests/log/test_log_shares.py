from __future__ import annotations

import logging
from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.log import shares
from holdfast.log.database import check_file
from holdfast.log.shares import Share, check_share, share_of
from holdfast.log.sqlite import SqliteLog

MOUNTS = r"""/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/srv /srv nfs4 rw,vers=4.2,proto=tcp,local_lock=none 0 0
/dev/sdb1 /srv/ann/scratch xfs rw 0 0
server:/old /old nfs rw,vers=3,nolock 0 0
server:/odd /odd nfs rw,vers=3,local_lock=all 0 0
//server/team /mnt/the\040team cifs rw,vers=3.0 0 0
//server/raw /mnt/raw cifs rw,nobrl 0 0
ann@host: /mnt/far fuse.sshfs rw,user_id=0 0 0
10.0.0.1@tcp:/lus /lus lustre rw,flock 0 0
10.0.0.1@tcp:/fast /fast lustre rw,localflock 0 0
10.0.0.1@tcp:/slow /slow lustre rw 0 0
host /mnt/c 9p rw,trans=fd 0 0
/dev/sdc1 /usb fuseblk rw 0 0
server:/x /twice nfs4 rw 0 0
/dev/sdd1 /twice ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "share"),
    [
        ("/study.db", None),
        ("/usb/study.db", None),
        ("/srvwork/study.db", None),
        ("/srv/ann/study.db", Share("NFS", "/srv", locks=True)),
        ("/srv/ann/scratch/study.db", None),
        ("/old/study.db", Share("NFS", "/old", locks=False)),
        ("/odd/study.db", Share("NFS", "/odd", locks=False)),
        ("/mnt/the team/study.db", Share("SMB", "/mnt/the team", locks=True)),
        ("/mnt/raw/study.db", Share("SMB", "/mnt/raw", locks=False)),
        ("/mnt/far/runs/digits/study.db", Share("SSHFS", "/mnt/far", locks=False)),
        ("/lus/study.db", Share("Lustre", "/lus", locks=True)),
        ("/fast/study.db", Share("Lustre", "/fast", locks=False)),
        ("/slow/study.db", Share("Lustre", "/slow", locks=False)),
        ("/mnt/c/study.db", Share("9P", "/mnt/c", locks=False)),
        ("/twice/study.db", None),
    ],
)
def test_the_nearest_mount_says_where_a_file_lies(path: str, share: Share | None) -> None:
    assert share_of(Path(path), MOUNTS) == share


def test_a_root_is_no_share_and_without_a_table_nothing_is_known() -> None:
    assert share_of(Path("/study.db"), "none / 9p rw 0 0\n") is None
    assert share_of(Path("/srv/study.db"), "") is None


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    assert share_of(tmp_path / "near" / "study.db", f"x {tmp_path.resolve()}/far nfs4 rw 0 0\n") is not None


def test_a_share_without_locks_is_refused() -> None:
    with pytest.raises(
        RequestError, match=r"without file locks \(SSHFS at /mnt/far\), .*; name a file on a disk of this machine, or a"
    ):
        check_share(Path("/mnt/far/study.db"), MOUNTS)


def test_a_share_with_locks_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_warned", set())
    with caplog.at_level(logging.WARNING, logger="holdfast"):
        check_share(Path("/srv/ann/study.db"), MOUNTS)
        check_share(Path("/srv/bob/study.db"), MOUNTS)
        check_share(Path("/study.db"), MOUNTS)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("'/srv/ann/study.db' lies on a network share (NFS at /srv), where only one machine at a")


def test_a_log_is_not_made_there_and_may_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteLog(tmp_path / "study.db", "digits").close()
    table = tmp_path / "mounts"
    table.write_text(f"far {tmp_path.resolve()} fuse.sshfs rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(shares, "TABLE", table)
    for refused in (lambda: check_file(tmp_path / "new.db"), lambda: SqliteLog(tmp_path / "study.db", "digits")):
        with pytest.raises(RequestError, match="lies on a network share without file locks"):
            refused()
    SqliteLog(tmp_path / "study.db", "digits", read_only=True).close()
