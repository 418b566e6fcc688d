"""Importing the room costs next to nothing: heavy packages are loaded where they are used."""

from __future__ import annotations

import subprocess
import sys


def test_no_heavy_package_is_imported_with_the_room() -> None:
    rooms = ["columns", "features", "fingerprint", "preprocess", "provenance", "roles", "seal", "source"]
    lines = [f"import holdfast.data.{room}" for room in rooms]
    check = (
        "import sys; print([name for name in ('polars', 'sklearn', 'scipy', 'skops', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*lines, check])], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
