"""What fits where: every answer is checked by packing the workers into the nodes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.cluster.placement import Resources, held_by, lacking, share, slots, split

CPUS = st.integers(0, 16)
NODES = st.lists(
    st.builds(Resources, CPUS, st.integers(0, 4), st.integers(0, 64).map(lambda gb: gb * 1e9)), min_size=1, max_size=5
)
LEAST = st.builds(Resources, st.sampled_from([0.5, 1, 2]), st.sampled_from([0, 1]), st.sampled_from([0.0, 2e9, 10e9]))


def pack(nodes: list[Resources], worker: Resources) -> int:
    """Place workers one by one, as long as some node has the rest for one."""
    rest = [[node.cpus, node.gpus, node.memory] for node in nodes]
    wants = [worker.cpus, worker.gpus, worker.memory]
    for placed in itertools.count():
        node = next((has for has in rest if all(h >= w - 1e-6 * w for h, w in zip(has, wants, strict=True))), None)
        if node is None:
            return placed
        for at, want in enumerate(wants):
            node[at] -= want
    raise AssertionError


@given(NODES, LEAST)
def test_slots_are_what_packing_finds_and_lacking_is_their_opposite(nodes: list[Resources], worker: Resources) -> None:
    room = pack(nodes, worker)
    assert slots(nodes, worker) == room
    assert lacking(nodes, worker, room + 1) is not None
    if room:
        assert lacking(nodes, worker, room) is None


@given(NODES, st.integers(1, 40), LEAST)
def test_a_share_fits_and_no_other_whole_number_of_cpus_is_done_sooner(
    nodes: list[Resources], tasks: int, least: Resources
) -> None:
    chosen = share(nodes, tasks, least)
    if not slots(nodes, least):
        assert chosen == least
        return
    assert slots(nodes, chosen) >= 1
    assert (chosen.gpus, chosen.memory) == (least.gpus, least.memory)

    def rounds(worker: Resources) -> float:
        room = pack(nodes, worker)
        return -(-tasks // room) / worker.cpus if room else float("inf")

    for cpus in {least.cpus, *range(1, 17)}:
        if cpus >= least.cpus:
            assert rounds(chosen) <= rounds(Resources(cpus, least.gpus, least.memory)) + 1e-9


@pytest.mark.parametrize(
    ("cpus", "tasks", "expected"),
    [
        ([2, 8], 2, 4),  # an equal share of 5 would wait for ever: only one node holds it, and only once
        ([1, 1], 3, 1),
        ([8], 1, 8),
        ([8, 8], 96, 1),
        ([0, 4], 2, 2),
    ],
)
def test_shares_of_clusters_that_once_waited_for_ever(cpus: list[int], tasks: int, expected: int) -> None:
    assert share([Resources(n) for n in cpus], tasks, Resources(1)).cpus == expected


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 100), st.integers(1, 400))
def test_a_corpus_is_cut_into_the_first_number_of_shards_that_fits(
    parts: int, least: int, room: int, size: int
) -> None:
    def memory(shards: int) -> int:
        return -(-size // shards)

    shards = split([Resources(1, 0, room / 2), Resources(1, 0, room)], parts, least, memory)
    tried = range(min(least, parts), parts + 1)
    fitting = [number for number in tried if memory(number) <= room]
    assert shards == (fitting[0] if fitting else parts)


def test_what_is_missing_is_named() -> None:
    nodes = [Resources(2, 0, 8e9), Resources(8, 1, 16e9)]
    assert lacking(nodes, Resources(9)) == "it asks for 9 CPU on one node, and the largest has 8"
    assert lacking(nodes, Resources(1, 2)) == "it asks for 2 GPU on one node, and the largest has 1"
    assert (
        lacking(nodes, Resources(1, 0, 20e9)) == "it asks for 20.0 GB memory on one node, and the largest has 16.0 GB"
    )
    assert lacking([Resources(8), Resources(1, 1)], Resources(2, 1)) == "no node has 1 GPU + 2 CPU together"
    assert lacking(nodes, Resources(4, 1), 2) == "2 x 1 GPU + 4 CPU do not fit at once: the nodes hold 1"
    assert held_by(Resources(1), Resources(1 / 3)) == 3
