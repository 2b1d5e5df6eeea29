"""Decisions of decision-service lines: which action was chosen among which, slot by slot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field

from ltrr.logs.formats.dsjson_line import Line, Outcome, Whole, whole, wholes
from ltrr.logs.formats.json_features import Flat, Names, Unreadable, flatten, items, loads, short

__all__ = ["Actions", "Choice", "Listed", "Slot", "action_name"]

_MOST_BYTES = 1 << 26
_MOST_NAMES = 1 << 16
_COST = 200
_MOST_PLACES = 1 << 16
_REMEDY = 'set actions="position" to name actions by their places'


class _Element(Struct, gc=False):
    tag: str | None = field(name="_tag", default=None)
    slot: Whole | None = field(name="_slot_id", default=None)


_elements = msgspec.json.Decoder(list[_Element]).decode


class Listed(NamedTuple):
    """The actions of a `_multi`: their text, names, whether these are tags or ids, and slots (−1 if none).

    ``slates`` says that there are slots.

    Examples
    --------
    >>> Actions(by_place=False).listed(b'[{"_tag": "tea"}, {"_tag": "latte"}]').names
    ('tea', 'latte')
    """

    texts: tuple[bytes, ...]
    names: tuple[str, ...]
    named: tuple[bool, ...]
    slots: tuple[int, ...]
    slates: bool


@dataclass(slots=True)
class Choice:
    """A chosen action (None if not known), and places and numbers of those that could be chosen.

    Parameters
    ----------
    action : int or None
    eligible : tuple of int or None
        None for all actions of the log.
    places : tuple of int
        Places in `_multi`.
    order : tuple of int
        Where their probabilities are in the line.
    listed : Listed or None
    features : Flat or None
        Features of the eligible actions, once they have been asked for.

    Examples
    --------
    >>> Choice(action=1, eligible=(0, 1), places=(1, 0), order=(0, 1), listed=None).action
    1
    """

    action: int | None
    eligible: tuple[int, ...] | None
    places: tuple[int, ...]
    order: tuple[int, ...]
    listed: Listed | None
    features: Flat | None = None


class Slot(NamedTuple):
    """A slot's decision: number of its choice, label, and probabilities.

    Examples
    --------
    >>> Slot(1, Line(cost=-1.0), [0.5, 0.5]).line.cost
    -1.0
    """

    choice: int
    line: Line
    probabilities: list[float]


def action_name(element: dict[str, Any]) -> tuple[str, bool]:
    """Return the name of an action and whether it is a tag or an id; its features name it if it has neither.

    Examples
    --------
    >>> action_name({"_tag": "Latte", "j": [{"roast": "dark"}]})
    ('Latte', True)
    >>> action_name({"j": {"roast": "dark", "price": 3}})
    ('j.price=3, j.roast=dark', False)
    """
    inner = element.get("i")
    for name in (element.get("_tag"), inner.get("id") if isinstance(inner, dict) else None):
        if isinstance(name, str):
            return _cut(name), True
    parts = sorted(name if value == 1 else f"{name}={value:g}" for name, value in flatten(element))
    return _cut(", ".join(parts)), False


def _tagged(text: bytes) -> list[tuple[str, bool, int]]:
    """Return name, True and slot of the actions of a `_multi` if all have tags: the usual case, at once."""
    try:
        each = _elements(text)
    except msgspec.MsgspecError:
        return []
    if any(one.tag is None for one in each):
        return []
    return [(_cut(one.tag or ""), True, -1 if one.slot is None else one.slot) for one in each]


def _cut(name: str) -> str:
    """Return a name of at most 120 characters: a long one is cut, and told apart by a hash."""
    if len(name) <= 120:
        return name
    return f"{name[:100]}… {blake2b(name.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


class Actions:
    """Actions of a log's lines, by name or by place; what repeats is looked up.

    Parameters
    ----------
    by_place : bool
        True to name actions by their places, "1", "2", …

    Examples
    --------
    >>> import msgspec
    >>> text = b'{"_labelIndex": 0, "a": [2, 1], "p": [0.8, 0.2], "_multi": [{"_tag": "a"}, {"_tag": "b"}]}'
    >>> actions = Actions(by_place=False)
    >>> number, probabilities = actions.single(msgspec.json.decode(text, type=Line))
    >>> actions.choices[number].action, actions.choices[number].order, probabilities
    (0, (1, 0), [0.8, 0.2])
    """

    def __init__(self, *, by_place: bool) -> None:
        self.by_place = by_place
        self.names = Names()
        self._elements: dict[bytes, tuple[str, bool, int]] = {}
        self._lists: dict[bytes, Listed] = {}
        self.choices = [Choice(None, None, (), (), None)]
        self._singles: dict[tuple[Any, ...], int] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._shown: dict[tuple[Any, ...], int] = {}
        self._size = 0

    @property
    def full(self) -> bool:
        """True where so much is known that it should be forgotten."""
        return self._size > _MOST_BYTES or len(self.names) > _MOST_NAMES

    def single(self, line: Line) -> tuple[int, list[float]]:
        """Return the number of the choice of a line with one decision, and probabilities.

        Raises
        ------
        Unreadable
            If its fields contradict one another, or it does not say which action is meant.
        """
        p = line.probabilities
        if not isinstance(p, list):
            p = [] if p is None else [p]
        context = line.context
        text = bytes(line.multi) if context is None else bytes(context.multi) or bytes(line.multi)
        key = (text, bytes(line.order), line.index, line.action, len(p))
        choice = self._singles.get(key)
        if choice is None:
            choice = self._singles[key] = self._single(*key)
            self._size += len(text) + _COST
        return choice, p

    def listed(self, text: bytes) -> Listed:
        """Return the actions of a `_multi`, given as text."""
        found = self._lists.get(text)
        if found is None:
            texts = [] if text in (b"", b"null") else items(text)
            if texts is None or not all(element.startswith(b"{") for element in texts):
                raise Unreadable("`_multi` is not a list of objects")
            each = _tagged(text) or [self._element(element) for element in texts]
            slots = tuple(slot for _, _, slot in each)
            names, named = tuple(name for name, _, _ in each), tuple(known for _, known, _ in each)
            found = Listed(tuple(texts), names, named, slots, max(slots, default=-1) >= 0)
            self._lists[text] = found
            self._size += len(text) + _COST
        return found

    def _element(self, text: bytes) -> tuple[str, bool, int]:
        found = self._elements.get(text)
        if found is None:
            element = loads(text)
            slot = element.get("_slot_id")
            slot = -1 if slot is None else whole("_slot_id", slot)
            found = self._elements[text] = (*action_name(element), slot)
            self._size += len(text) + _COST
        return found

    def _single(self, text: bytes, order: bytes, index: int | None, action: int | None, n_p: int) -> int:
        """Return the choice of a line with one decision: `_multi`, `a`, the two labels, the length of `p`."""
        elements = self.listed(text)
        if index is not None and action and action != index + 1:
            raise Unreadable(f"`_labelIndex` {index} and `_label_Action` {action} name different actions")
        shown = wholes("a", loads(order)) if order not in (b"", b"null") else []
        if shown and n_p and len(shown) != n_p:
            raise Unreadable(f"`a` has {len(shown)} entries, `p` {n_p}")
        n = len(elements.texts) or max(len(shown), n_p)
        base = 0 if 0 in shown else 1
        places = [a - base for a in shown] or list(range(n))
        if len(set(places)) != len(places) or (places and not 0 <= min(places) <= max(places) < n):
            raise Unreadable(f"`a` is not an order of {n} actions: {short(shown)}")
        if n_p and n_p != len(places):
            raise Unreadable(f"`p` has {n_p} entries for {len(places)} actions")
        chosen = index if index is not None else (action or 0) - 1
        if chosen < 0 and shown:
            chosen = places[0]
        if chosen >= n > 0:
            raise Unreadable(f"the label names action {chosen + 1} of {n}")
        by_place = sorted(range(len(places)), key=places.__getitem__)
        return self._choice(elements, chosen, [places[j] for j in by_place], by_place, whole=n == 0)

    def _choice(
        self, listed: Listed, chosen: int, places: list[int], order: list[int], *, whole: bool = False
    ) -> int:
        """Return the number of a choice among places; ``whole`` means among all actions of the log."""
        key = (id(listed), chosen, tuple(places), tuple(order))
        found = self._numbers.get(key)
        if found is None:
            known = sorted({*places, chosen} - {-1})
            named = self._names_of(listed, known)
            numbers = {place: named[place] for place in known}
            if len(set(numbers.values())) < len(numbers):
                raise Unreadable(f"two actions of its `_multi` have the same name; {_REMEDY}")
            eligible = None if whole else tuple(numbers[place] for place in places)
            found = self._numbers[key] = len(self.choices)
            self.choices.append(Choice(numbers.get(chosen), eligible, tuple(places), tuple(order), listed))
            self._size += 64 * len(places) + _COST
        return found

    def _names_of(self, listed: Listed, places: list[int]) -> Sequence[int]:
        """Return the numbers of the names at all places."""
        if self.by_place:
            if max(places, default=0) >= _MOST_PLACES:
                raise Unreadable(f"it names action {max(places) + 1}; there must be at most {_MOST_PLACES}")
            for j in range(len(self.names), max(places, default=-1) + 1):
                self.names.number(str(j + 1))
            return range(len(self.names))
        if places and not listed.names:
            raise Unreadable(f"no `_multi` names its actions; {_REMEDY}")
        return [self.names.number(name) for name in listed.names]

    def slots(self, line: Line, outcomes: list[Outcome]) -> tuple[list[Slot], bool]:
        """Return the decisions of a line with outcomes, and whether they have one cost."""
        if not outcomes:
            return [], False
        elements = self.listed(line.listed)
        has_cost = line.cost is not None and not math.isnan(line.cost)
        missing = [outcome.cost for outcome in outcomes].count(None)
        slates = elements.slates or (missing == len(outcomes) and has_cost)
        if slates and missing < len(outcomes):
            raise Unreadable("slates have one cost for all slots, but a slot has a cost of its own")
        if slates and not elements.texts:
            raise Unreadable("slates need `_multi` with `_slot_id`")
        if missing and not (slates and has_cost):
            return [], slates
        out = []
        taken: set[int] = set()
        for s, outcome in enumerate(outcomes):
            choice, p, propensity = self._slot(elements, s, outcome, taken, slates=slates)
            cost, original = outcome.cost, outcome.original
            if slates:
                last = s == len(outcomes) - 1
                cost, original = (line.cost, line.original) if last else (0.0, 0.0)
            label = Line(cost, original, propensity, line.event, line.time, line.drop)
            out.append(Slot(choice, label, p))
        return out, slates

    def _slot(
        self, listed: Listed, slot: int, outcome: Outcome, taken: set[int], *, slates: bool
    ) -> tuple[int, list[float], float | None]:
        """Return the choice's number, probabilities and propensity of a slot.

        ``taken`` are the places that were chosen in earlier slots.
        """
        a, p = outcome.actions, outcome.probabilities
        shown = a if isinstance(a, list) else [] if a is None else [a]
        p = p if isinstance(p, list) else [] if p is None else [p]
        propensity = p[0] if p else None
        alone = len(shown) == 1 and len(listed.texts) > 1 and not (propensity or 0.0) > 0.999
        key = (id(listed), slot if slates else -1, len(p), tuple(shown))
        number = None if alone else self._shown.get(key)
        if number is None:
            if not shown or (p and len(p) != len(shown)):
                raise Unreadable(f"slot {slot}: `_a` has {len(shown)} entries, `_p` {len(p)}")
            own = [j for j, of in enumerate(listed.slots) if of == slot or not slates]
            if listed.texts and max(shown) >= len(own):
                raise Unreadable(f"slot {slot}: `_a` names action {max(shown)} of {len(own)}")
            places = [own[at] for at in shown] if own else shown
            if alone:
                # the others that were free could have been chosen too
                places = [places[0], *(j for j in own if j not in taken and j != places[0])]
                p = []
            number = self._choice(listed, places[0], places, list(range(len(places))))
            if not alone:
                self._shown[key] = number
                self._size += _COST
        taken.add(self.choices[number].places[0])
        return number, p, propensity
