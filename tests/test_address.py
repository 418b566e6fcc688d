from __future__ import annotations

import pytest

from holdfast import address


@pytest.mark.parametrize(
    ("text", "shown", "kept"),
    [
        (
            "postgresql://ann:secret@host:5432/base",
            "postgresql://ann:***@host:5432/base",
            "postgresql://ann@host:5432/base",
        ),
        ("postgres://ann:se@cr:et@host/base", "postgres://ann:***@host/base", "postgres://ann@host/base"),
        (
            "postgresql://host/base?user=a&password=b",
            "postgresql://host/base?user=a&password=***",
            "postgresql://host/base?user=a",
        ),
        ("postgresql://host/base?password=b", "postgresql://host/base?password=***", "postgresql://host/base"),
        ("postgresql://ann@host/base", "postgresql://ann@host/base", "postgresql://ann@host/base"),
        ("mysql://ann:secret@host/base", "mysql://ann:***@host/base", "mysql://ann:secret@host/base"),
        ("http://host:80/a@b", "http://host:80/a@b", "http://host:80/a@b"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
    ],
)
def test_a_password_is_neither_shown_nor_kept(text: str, shown: str, kept: str) -> None:
    assert address.masked(text) == shown
    assert address.masked(f"in {text} there") == f"in {shown} there"
    assert address.without_password(text) == kept


def test_a_password_is_remembered_for_the_address_that_is_kept() -> None:
    address.remember("postgresql://ann:secret@host/base")
    assert address.with_password("postgresql://ann@host/base") == "postgresql://ann:secret@host/base"
    assert address.with_password("postgresql://ben@host/base") == "postgresql://ben@host/base"
