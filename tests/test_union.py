"""The union of arms: distinct items, every source, the slot of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltrr._kernels.spill import delivered as deliver
from ltrr.errors import InputError
from ltrr.retrieval.union import union
from tests.naive_union import make_candidates, naive_union


def as_dicts(result):
    out = []
    for b in range(len(result)):
        found = {}
        for i in range(result.indptr[b], result.indptr[b + 1]):
            src = range(result.source_indptr[i], result.source_indptr[i + 1])
            found[int(result.item[i])] = (
                int(result.slots[i]),
                [(int(result.arm[m]), int(result.slab[m]), int(result.rank[m])) for m in src],
            )
        out.append(found)
    return out


@st.composite
def draws(draw):
    """Lists of several arms, slots, quotas, and what is delivered with spilling."""
    n, r = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    n_slots, slot_size = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    top = draw(st.sampled_from([6, 300, 70_000, 2**31 - 1]))
    # Around the borders of each byte of an id.
    marks = {0, 1, 5, 255, 256, 257, 65_535, 65_536, 2**24 - 1, 2**24, 5 * 2**24 + 3, top - 1, top}
    ids = st.integers(0, top) if top < 10 else st.sampled_from(sorted(m for m in marks if m <= top))
    lists = [[draw(st.lists(ids, unique=True, max_size=7)) for _ in range(n)] for _ in range(r)]
    action = np.array([[draw(st.integers(0, r - 1)) for _ in range(n_slots)] for _ in range(n)], np.int32)
    action = action.reshape(n, n_slots)
    quota = np.stack([(action == a).sum(axis=1) for a in range(r)], axis=1).astype(np.int32)
    given_out, spilled = np.zeros((n, r), np.int32), np.zeros(n, np.int32)
    fallback = np.array(draw(st.permutations(range(r)))[: draw(st.integers(0, r))], np.int32)
    for b in range(n):
        available = np.array([min(len(lists[a][b]), n_slots * slot_size) for a in range(r)], np.int32)
        spilled[b] = deliver(quota[b], available, slot_size, fallback, given_out[b])
    return lists, action, quota, slot_size, given_out, spilled


@settings(max_examples=200, deadline=None)
@given(draws(), st.booleans())
def test_equals_naive_twin(case, slabs):
    lists, action, quota, slot_size, given_out, spilled = case
    action = action if slabs else None
    parts = [make_candidates(x) for x in lists]
    result = union(
        parts, delivered=given_out, quota=quota, slot_size=slot_size, action=action, spilled=spilled
    )
    want = naive_union(lists, given_out, quota, slot_size, action)
    assert as_dicts(result) == want
    assert [list(found) for found in as_dicts(result)] == [sorted(found) for found in want]
    assert result.spilled.tolist() == spilled.tolist()
    assert result.score.tolist() == [-float(r) for r in result.rank]


def test_worked_by_hand():
    # Slots: arm 1, arm 0, arm 1; slabs of two. Arm 0 delivers one candidate more than asked.
    parts = [make_candidates([[30, 10, 40]]), make_candidates([[10, 20, 50]])]
    result = union(
        parts,
        delivered=np.array([[3, 3]]),
        quota=np.array([[1, 2]]),
        slot_size=2,
        action=np.array([[1, 0, 1]]),
        spilled=np.array([1]),
    )
    assert result.item.tolist() == [10, 20, 30, 40, 50]
    # 10: slot 0 through arm 1 and slot 1 through arm 0; 40: the spilled slab alone; 50: slot 2.
    assert result.slots.tolist() == [0b011, 0b001, 0b010, 1 << 31, 0b100]
    assert result.source_indptr.tolist() == [0, 2, 3, 4, 5, 6]
    assert result.arm.tolist() == [0, 1, 1, 0, 0, 1]
    assert result.slab.tolist() == [0, 0, 0, 0, 1, 1]
    assert result.rank.tolist() == [1, 0, 1, 0, 2, 2]


def test_spilled_candidate_that_a_slot_drew_too_belongs_to_the_slot():
    parts = [make_candidates([[7]]), make_candidates([[8, 7]])]
    result = union(
        parts, delivered=np.array([[1, 2]]), quota=np.array([[1, 1]]), slot_size=1, action=np.array([[0, 1]])
    )
    assert result.item.tolist() == [7, 8]
    assert result.slots.tolist() == [1, 2]


def test_bit_30_is_a_slot_and_31_slots_are_all_there_are():
    parts = [make_candidates([list(range(31))])]
    given_out = np.array([[31]])
    result = union(parts, delivered=given_out, quota=given_out, slot_size=1, action=np.zeros((1, 31), int))
    assert result.slots.tolist() == [1 << s for s in range(31)]
    with pytest.raises(InputError, match="at most 31"):
        union(parts, delivered=given_out, quota=given_out + 1, slot_size=1, action=np.zeros((1, 32), int))


@settings(max_examples=50, deadline=None)
@given(draws())
def test_batches_and_relabelling_do_not_matter(case):
    lists, action, quota, slot_size, given_out, spilled = case
    every = [make_candidates(x) for x in lists]
    names = sorted({i for x in lists for y in x for i in y})
    label = {old: 3 * new + 1 for new, old in enumerate(names)}
    again = [make_candidates([[label[i] for i in y] for y in x]) for x in lists]

    def merged(parts, rows):
        return as_dicts(
            union(
                [p.take(rows) for p in parts],
                delivered=given_out[rows],
                quota=quota[rows],
                slot_size=slot_size,
                action=action[rows],
                spilled=spilled[rows],
            )
        )

    together = merged(every, np.arange(len(action)))
    for b in range(len(action)):
        assert merged(every, np.array([b])) == [together[b]]
    relabelled = merged(again, np.arange(len(action)))
    assert relabelled == [{label[i]: value for i, value in found.items()} for found in together]


def test_reads_frozen_arrays_and_writes_into_none():
    parts = [make_candidates([[3, 1], [2]]), make_candidates([[1], []])]
    quota, given_out, action = np.array([[1, 1]] * 2), np.array([[2, 1], [1, 0]]), np.array([[0, 1]] * 2)
    arguments = {"delivered": given_out, "quota": quota, "action": action}
    before = as_dicts(union(parts, slot_size=2, **arguments))
    for array in (*arguments.values(), *(x for p in parts for x in (p.indptr, p.item, p.score))):
        array.setflags(write=False)
    assert as_dicts(union(parts, slot_size=2, **arguments)) == before


def test_refuses_what_is_wrong():
    parts = [make_candidates([[3, 1]]), make_candidates([[1]])]
    good = {"delivered": np.array([[2, 1]]), "quota": np.array([[1, 1]]), "slot_size": 2}
    union(parts, **good)
    for change, says in (
        ({"delivered": np.array([[3, 1]])}, r"delivered\[0, 0\].*2 candidates"),
        ({"delivered": np.array([[2, -1]])}, r"delivered\[0, 1\]"),
        ({"delivered": np.array([[2]])}, "delivered"),
        ({"slot_size": 0}, "slot_size"),
        ({"action": np.array([[0, 0]])}, r"quota\[0, 0\]"),
    ):
        with pytest.raises(InputError, match=says):
            union(parts, **{**good, **change})
    with pytest.raises(InputError, match="at least one arm"):
        union([], **good)
    with pytest.raises(InputError, match="1 requests"):
        union([parts[0], make_candidates([[1], [2]])], **good)
    with pytest.raises(InputError, match="item ids >= 0"):
        union([parts[0], make_candidates([[-1]])], **good)
