from __future__ import annotations

import pytest

from holdfast.errors import RequestError
from holdfast.execute import here
from holdfast.execute.cluster import Node, no_room, room
from holdfast.execute.resources import Resources

LARGE = Node("a", "192.0.2.1", True, {"CPU": 8.0, "GPU": 2.0, "memory": 32e9})
SMALL = Node("b", "192.0.2.2", True, {"CPU": 2.0, "memory": 4e9, "tpu": 1.0})
GONE = Node("c", "192.0.2.3", False, {"CPU": 64.0})


def test_resources_are_read_as_a_person_writes_them() -> None:
    expected = Resources(cpus=2, gpus=0.5, memory=4e9, others={"tpu": 1})
    assert Resources.of({"cpus": 2, "gpus": 0.5, "memory": "4 GB", "tpu": 1}) == expected
    assert Resources.parsed("cpus=2, gpus=0.5,memory=4GB,tpu=1") == expected
    assert Resources.of({"memory": "2 GiB"}).memory == 2 * 2**30
    assert Resources.of(None) == Resources(cpus=1)
    assert str(expected) == "cpus = 2, gpus = 0.5, memory = 4 GB, tpu = 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpus", "write them as in cpus=2,gpus=1,memory=4GB"),
        ("cpus=-1", "it must be a number of 0 or more"),
        ("cpus=two", "it must be a number"),
        ("memory=4 parsecs", "it must be a size such as '4 GB'"),
        ("gpus=1.5", "it must be a whole number"),
        ("num_cpus=1", "which is written 'cpus' here"),
        ("gpuz=one", "did you mean 'gpus'?"),
    ],
)
def test_resources_that_cannot_be_meant_are_refused(text: str, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        Resources.parsed(text)
    assert said in str(caught.value)


def test_the_room_is_what_every_node_has_that_is_there() -> None:
    nodes = [LARGE, SMALL, GONE]
    assert room(nodes, Resources()) == 10
    assert room(nodes, Resources(cpus=3)) == 2
    assert room(nodes, Resources(cpus=0.5, gpus=0.5)) == 4
    assert room(nodes, Resources(memory=3e9)) == 9, "cores and memory both bound it"
    assert room(nodes, Resources(cpus=0, others={"tpu": 0.25})) == 4
    assert room(nodes, Resources(cpus=0)) == 10, "what needs nothing counts by cores"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 8 cores, 64 GB and three graphics processors."""
    monkeypatch.setattr(here, "cores", lambda: 8)
    monkeypatch.setattr(here, "memory", lambda: 64e9)


THREE = {here.VISIBLE: "0, 2,GPU-5"}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("needs", "trials", "seen"),
    [
        (Resources(), 8, ["", "", ""]),
        (Resources(cpus=3), 2, ["", ""]),
        (Resources(gpus=1), 3, ["0", "2", "GPU-5"]),
        (Resources(gpus=2), 1, ["0,2"]),
        (Resources(gpus=0.4), 6, ["0", "0", "2", "2", "GPU-5", "GPU-5"]),
        (Resources(cpus=0, memory=20e9), 3, ["", "", ""]),
        (Resources(cpus=0), 8, [""]),
    ],
)
def test_a_machine_has_room_for_so_many_that_see_so_much(needs: Resources, trials: int, seen: list[str]) -> None:
    assert here.room(needs, THREE) == trials
    assert [here.visible(needs, place, THREE) for place in range(len(seen))] == seen


@pytest.mark.usefixtures("machine")
def test_a_machine_without_room_says_what_it_has() -> None:
    with pytest.raises(RequestError, match=r"\(cpus = 1, gpus = 4\) is more .* 8 cpus, 3 gpus, 64 GB of memory"):
        here.room(Resources(gpus=4), THREE)
    assert here.devices({here.VISIBLE: ""}) == here.devices({here.VISIBLE: "-1"}) == []


def test_a_cluster_without_the_resources_says_what_it_has() -> None:
    said = str(no_room([LARGE, SMALL, GONE], Resources(gpus=4)))
    assert "what one trial needs (cpus = 1, gpus = 4)" in said
    assert "its 2 nodes have at most 8 cpus, 2 gpus, 32 GB of memory" in said
    assert "is left to run a trial on" in str(no_room([GONE], Resources()))
