"""Bytes that are nearly those of a file that is in order."""

from __future__ import annotations

from hypothesis import strategies as st

BYTES = st.binary(max_size=4) | st.sampled_from([b'"', b"[", b"=", b"\n", b"#", b"."])


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with a flip, a cut, an insertion, or some lines twice."""
    at = draw(st.integers(0, len(data)))
    match draw(st.sampled_from(["flip", "cut", "insert", "twice"])):
        case "flip":
            return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "insert":
            return data[:at] + draw(BYTES) + data[at:]
    lines = data.splitlines(keepends=True)
    first = draw(st.integers(0, len(lines)))
    return b"".join(lines + lines[first : first + draw(st.integers(1, 5))])
