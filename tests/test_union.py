"""The union of arms: distinct items, every source, the slot of each."""

from dataclasses import dataclass

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


@dataclass
class Case:
    """Lists of several arms, slots, quotas, and what is delivered with spilling."""

    lists: list
    action: np.ndarray
    quota: np.ndarray
    slabs: np.ndarray
    slot_size: int
    fallback: np.ndarray
    given_out: np.ndarray
    spilled: np.ndarray

    def union(self, *, slabs=True, lists=None, rows=None):
        rows = np.arange(len(self.quota)) if rows is None else rows
        return union(
            [make_candidates(x).take(rows) for x in (self.lists if lists is None else lists)],
            delivered=self.given_out[rows],
            quota=self.quota[rows],
            slot_size=self.slot_size,
            slabs=self.slabs,
            action=self.action[rows] if slabs else None,
            fallback=self.fallback,
        )


@st.composite
def draws(draw):
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
    slabs = np.array([draw(st.integers(1, slot_size)) for _ in range(r)], np.int32)
    given_out, spilled = np.zeros((n, r), np.int32), np.zeros(n, np.int32)
    fallback = np.array(draw(st.permutations(range(r)))[: draw(st.integers(0, r))], np.int32)
    for b in range(n):
        available = np.array([min(len(lists[a][b]), n_slots * slot_size) for a in range(r)], np.int32)
        spilled[b] = deliver(quota[b], available, slabs, slot_size, fallback, given_out[b])
    return Case(lists, action, quota, slabs, slot_size, fallback, given_out, spilled)


@settings(max_examples=300, deadline=None)
@given(draws(), st.booleans())
def test_equals_naive_twin(case, slabs):
    result = case.union(slabs=slabs)
    action = case.action.tolist() if slabs else None
    want = naive_union(
        case.lists, case.quota, case.slabs.tolist(), case.slot_size, case.fallback.tolist(), action
    )
    assert as_dicts(result) == want
    assert [list(found) for found in as_dicts(result)] == [sorted(found) for found in want]
    assert result.spilled.tolist() == case.spilled.tolist()
    assert result.score.tolist() == [-float(r) for r in result.rank]


@settings(max_examples=200, deadline=None)
@given(draws())
def test_slots_hold_what_they_may_and_every_candidate_is_in_one(case):
    result = case.union()
    n_slots = case.action.shape[1]
    assert (result.slots > 0).all()
    assert (result.slots < 1 << n_slots).all()
    row = np.repeat(np.arange(len(result)), np.diff(result.indptr))
    for s in range(n_slots):
        held = np.bincount(row[result.slots >> np.uint32(s) & 1 == 1], minlength=len(result))
        assert (held <= case.slot_size).all()
    # a source was spilled exactly where its slab is none of its arm's slots
    source = np.repeat(row, np.diff(result.source_indptr))
    beyond = result.slab >= case.quota[source, result.arm]
    assert np.bincount(source[beyond], minlength=len(result)).tolist() == case.spilled.tolist()


def test_worked_by_hand():
    # Slots: arm 1, arm 0, arm 1; slabs of two. Arm 1 has three items; the third of arm 0 fills the last slot.
    parts = [make_candidates([[30, 10, 40]]), make_candidates([[10, 20, 50]])]
    result = union(
        parts,
        delivered=np.array([[3, 3]]),
        quota=np.array([[1, 2]]),
        slot_size=2,
        action=np.array([[1, 0, 1]]),
        fallback=[0],
    )
    assert result.item.tolist() == [10, 20, 30, 40, 50]
    # 10: slot 0 through arm 1 and slot 1 through arm 0; 40 fills slot 2, which 50 left half empty
    assert result.slots.tolist() == [0b011, 0b001, 0b010, 0b100, 0b100]
    assert result.source_indptr.tolist() == [0, 2, 3, 4, 5, 6]
    assert result.arm.tolist() == [0, 1, 1, 0, 0, 1]
    assert result.slab.tolist() == [0, 0, 0, 0, 1, 1]
    assert result.rank.tolist() == [1, 0, 1, 0, 2, 2]
    assert result.spilled.tolist() == [1]


def test_a_memory_of_seven_items_asked_for_five_a_slot():
    """Slots of 20: memory, bm25, memory; what memory leaves goes to bm25, which has 40, then to popular."""
    bm25, memory, popular = range(3)
    lists = [[list(range(100, 140))], [list(range(7))], [list(range(200, 300))]]
    quota, slabs = np.array([[1, 2, 0]], np.int32), np.array([20, 5, 20], np.int32)
    fallback, got = np.array([bm25, popular], np.int32), np.zeros(3, np.int32)
    spilled = deliver(quota[0], np.array([40, 7, 60], np.int32), slabs, 20, fallback, got)
    # memory: 5 and 2; bm25: 20 of its own, 15 for the first slot, 5 for the third; popular: the other 13
    assert (got.tolist(), spilled) == ([40, 7, 13], 33)
    result = union(
        [make_candidates(x) for x in lists],
        delivered=got[None],
        quota=quota,
        slot_size=20,
        slabs=slabs,
        action=np.array([[memory, bm25, memory]]),
        fallback=fallback,
    )
    slot = dict(zip(result.item.tolist(), result.slots.tolist(), strict=True))
    want = dict.fromkeys([*range(5), *range(120, 135)], 1)
    want |= dict.fromkeys(range(100, 120), 2)
    want |= dict.fromkeys([5, 6, *range(135, 140), *range(200, 213)], 4)
    assert slot == want
    assert result.spilled.tolist() == [33]
    own = result.slab[result.arm == memory]
    assert own.tolist() == [0] * 5 + [1] * 2
    assert result.slab[result.arm == bm25].tolist() == [0] * 20 + [1] * 20
    # as one whole quota it is the same draw, all of it slot 0's
    whole = union(
        [make_candidates(x) for x in lists],
        delivered=got[None],
        quota=quota,
        slot_size=20,
        slabs=slabs,
        fallback=fallback,
    )
    assert whole.item.tolist() == result.item.tolist()
    assert (whole.slots == 1).all()


def test_an_item_that_one_slot_draws_and_another_is_filled_with_belongs_to_both():
    parts = [make_candidates([[7, 9]]), make_candidates([[8, 7]])]
    result = union(
        parts,
        delivered=np.array([[1, 2]]),
        quota=np.array([[2, 1]]),
        slot_size=1,
        action=np.array([[0, 1, 0]]),
        fallback=[1],
    )
    assert result.item.tolist() == [7, 8]
    assert result.slots.tolist() == [0b101, 0b010]


def test_32_slots_are_all_there_are():
    parts = [make_candidates([list(range(33))])]
    given_out = np.array([[32]])
    result = union(parts, delivered=given_out, quota=given_out, slot_size=1, action=np.zeros((1, 32), int))
    assert result.slots.tolist() == [1 << s for s in range(32)]
    with pytest.raises(InputError, match="at most 32"):
        union(parts, delivered=given_out, quota=given_out + 1, slot_size=1, action=np.zeros((1, 33), int))


def test_slabs_are_counted_up_to_what_an_int16_holds():
    parts = [make_candidates([list(range(40_000))])]
    result = union(parts, delivered=[[40_000]], quota=[[40_000]], slot_size=1, action=None)
    assert result.slab[32_766:32_769].tolist() == [32_766, 32_767, 32_767]


@settings(max_examples=50, deadline=None)
@given(draws())
def test_batches_and_relabelling_do_not_matter(case):
    names = sorted({i for x in case.lists for y in x for i in y})
    label = {old: 3 * new + 1 for new, old in enumerate(names)}
    again = [[[label[i] for i in y] for y in x] for x in case.lists]
    together = as_dicts(case.union())
    for b in range(len(case.action)):
        assert as_dicts(case.union(rows=np.array([b]))) == [together[b]]
    relabelled = as_dicts(case.union(lists=again))
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
    parts = [make_candidates([[3, 1, 4]]), make_candidates([[1]])]
    good = {"delivered": np.array([[2, 1]]), "quota": np.array([[1, 1]]), "slot_size": 2}
    union(parts, **good)
    for change, says in (
        ({"delivered": np.array([[4, 1]])}, r"delivered\[0, 0\].*3 candidates"),
        ({"delivered": np.array([[3, 1]])}, r"delivered\[0, 0\].* at most the 2 .* no fallback, got 3"),
        ({"slabs": np.array([1, 2])}, r"delivered\[0, 0\].* at most the 1 .* no fallback, got 2"),
        (
            {"delivered": np.array([[2, 1]]), "quota": np.array([[0, 1]]), "slabs": [2, 1], "fallback": [0]},
            r"delivered\[0\]` must be at most the 2 candidates of the slots, got 3",
        ),
        ({"slabs": np.array([0, 2])}, r"`slabs` must lie in \[1, 2\]"),
        ({"slabs": np.array([3, 2])}, r"`slabs` must lie in \[1, 2\]"),
        ({"slabs": np.array([2])}, "slabs"),
        ({"fallback": [0, 0]}, "`fallback` must name arms"),
        ({"fallback": [2]}, "`fallback` must name arms"),
        ({"fallback": [-1]}, "`fallback` must name arms"),
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
