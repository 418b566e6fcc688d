"""Reading a plan: defaults, and one sentence with place and remedy for every mistake."""

from __future__ import annotations

import contextlib
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import PlanError
from holdfast.protocol.read import find_line, read_plan

GOOD: dict[str, Any] = {
    "study": {"name": "digits"},
    "data": {"source": "sklearn:digits"},
    "model": {"family": "mlp"},
}

TEXT = """\
[study]
name = "digits"

[data]
source = "sklearn:digits"
split = { train = 0.6, validation = 0.2, test = 0.2 }

[model]
family = "mlp"

[search]
trials = 12

[[trials]]
config = { depth = 2 }

[[trials]]
config = { depth = 3 }
why = "deeper"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(plan: Any) -> str:
    with pytest.raises(PlanError) as caught:
        read_plan(plan)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_plan_of_three_tables_gets_all_defaults(tmp_path: Path) -> None:
    file = read_plan(write(tmp_path, tomli_w.dumps(GOOD)))
    assert file.base == tmp_path.resolve()
    assert file.plan.data.split == {"train": 0.6, "validation": 0.2, "test": 0.2}
    assert file.plan.search.strategy == "auto"
    assert file.plan.study.unseal == "at-end"
    assert file.plan.model.ship == "auto"
    assert read_plan(file.plan.to_json() | {"trials": []}).plan == file.plan


def test_a_byte_order_mark_is_no_part_of_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_bytes(b"\xef\xbb\xbf" + tomli_w.dumps(GOOD).encode())
    assert read_plan(tmp_path / "plan.toml").plan.study.name == "digits"


def test_a_misspelt_key_is_found_with_its_line(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, TEXT.replace("trials = 12", "trails = 12")))
    assert message.endswith("line 12: [search] has the unknown key 'trails' (did you mean 'trials'?)")


def test_a_misspelt_table_is_told_rather_than_the_lack_of_the_right_one(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, TEXT.replace("[model]", "[modell]")))
    assert "the plan has the unknown table [modell] (did you mean 'model'?)" in message


def test_the_line_of_a_repeated_table_is_that_of_its_own_copy(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, TEXT.replace('why = "deeper"', 'wyh = "deeper"')))
    assert "line 19: [[trials]] number 2 has the unknown key 'wyh' (did you mean 'why'?)" in message
    assert find_line(TEXT, ("trials", 0, "config")) == 15
    assert find_line(TEXT, ("trials", 1, "config")) == 18
    assert find_line(TEXT, ("data", "split", "train")) == 6
    assert find_line("", ("data",)) is None


@pytest.mark.parametrize(
    ("table", "value", "says"),
    [
        ("study", {"name": "a b"}, "letters, digits"),
        ("study", {"name": "a", "seed": "1"}, "seed = '1'; it should be a whole number"),
        ("study", {"name": "a", "seed": -1}, "it should be at least 0"),
        ("study", {}, "[study] lacks 'name'"),
        ("study", {"name": "a", "unseal": "at-the-end"}, "it can be 'at-end' or 'by-hand' (did you mean 'at-end'?)"),
        ("budget", {"usd": -5.0}, "it should be more than 0"),
        ("budget", {"disk": "much"}, "disk = 'much', which is no size; write a number of gigabytes, or a text such as"),
        ("price", {"country": "DEU", "kg_co2e_per_kwh": 0.3}, "it has both 'country' and 'kg_co2e_per_kwh'"),
        ("budget", {"hours": 0}, "it should be more than 0"),
        ("modle", {}, "the plan has the unknown table [modle] (did you mean 'model'?)"),
        ("search", {"trials": 0}, "it should be at least 1"),
        ("search", {"trials": True}, "it should be a whole number"),
        ("search", {"fidelity": {"eta": 1}}, "[search.fidelity] has eta = 1; it should be at least 2"),
        ("trials", [{"config": 3}], "[[trials]] number 1 has config = 3; it should be a table"),
        ("model", {}, "[model] lacks 'family'"),
        ("model", {"family": "mlp", "ship": "score"}, "did you mean 'scored'?"),
        ("data", {"source": "a", "split": {"train": [1]}}, "[data.split] has train = [1]; it should be a number"),
        ("data", 3, "it should be a table"),
        ("data", {"source": "a", "task": "regresion"}, "(did you mean 'regression'?)"),
        ("data", {"source": "a", "drop": "x"}, "it should be a list"),
    ],
)
def test_every_mistake_gets_one_sentence(table: str, value: Any, says: str) -> None:
    assert says in refusal({**GOOD, table: value})


def test_files_that_are_no_plans(tmp_path: Path) -> None:
    assert "there is no plan file" in refusal(tmp_path / "plan.toml")
    assert "(did you mean 'digits.toml'?)" in refusal(
        write(tmp_path, "").rename(tmp_path / "digits.toml").with_name("digit.toml")
    )
    assert "is a folder" in refusal(tmp_path)
    assert "is not TOML" in refusal(write(tmp_path, "[study\n"))
    assert "line 1" in refusal(write(tmp_path, "[study\n"))
    assert "line 2, column 7, is not TOML: the table [study] stands twice" in refusal(
        write(tmp_path, "[study]\n[study]\n")
    )
    assert "line 2, column 8, is not TOML: no value stands here; write text in quotes" in refusal(
        write(tmp_path, "[study]\nname = digits\n")
    )
    (tmp_path / "latin.toml").write_bytes(b'[study]\nname = "caf\xe9"\n')
    assert "line 2, is not UTF-8 text: it holds the byte 0xe9" in refusal(tmp_path / "latin.toml")
    assert refusal(write(tmp_path, "")).endswith("lacks the table [study]; add it, with 'name' in it")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_lowercase, max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_a_plan_gives_a_traceback(data: st.DataObject) -> None:
    plan: dict[str, Any] = read_plan({**GOOD, "trials": [{"config": {"depth": 2}}]}).plan.to_json()
    table = data.draw(st.sampled_from(sorted(plan)))
    if isinstance(plan[table], dict) and plan[table] and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(plan[table])) | st.text(max_size=4))
        plan[table] = {**plan[table], key: data.draw(values)}
    else:
        plan[table] = data.draw(values)
    with contextlib.suppress(PlanError):
        read_plan(plan)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.text(string.printable, max_size=3), st.integers(0, 5))
def test_no_mutated_text_gives_a_traceback(at: int, insert: str, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(PlanError):
        read_plan(write(Path(folder), TEXT[:at] + insert + TEXT[at + cut :]))
