"""What all checks share: how a component is made, asked and taught, how checks run, and what they raise."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ltrr import _check
from ltrr._state import pack, unpack
from ltrr.checks.compare import copies, same
from ltrr.errors import InputError, nearest
from ltrr.registry import registry_of
from ltrr.types import Feedback

__all__ = ["Case", "CheckError", "Finding", "LearningCase", "refused"]

_PREFIX = "check_"


class CheckError(AssertionError):
    """A class breaks its protocol: which check found it, and what must hold.

    An `AssertionError`, so that test frameworks count it as a failure rather than an error.

    Parameters
    ----------
    check : str
        Name of the check; ``skip={check: reason}`` leaves it out.
    message : str
        One line: what must hold, what was found, what to do.

    Examples
    --------
    >>> raise CheckError("empty_batch", "`Mine.score` must be empty for no rows, got 3 numbers")
    Traceback (most recent call last):
    ltrr.checks.common.CheckError: empty_batch: `Mine.score` must be empty for no rows, got 3 numbers
    """

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class Finding(Exception):
    """What a check found wrong: a message on its way to `CheckError`.

    Examples
    --------
    >>> try:
    ...     raise Finding("`Mine.score` must be finite")
    ... except Finding as finding:
    ...     str(CheckError("finite", str(finding)))
    'finite: `Mine.score` must be finite'
    """


@dataclass(frozen=True, kw_only=True)
class Case:
    """A component under check; every method ``check_<name>`` is the check ``<name>``.

    Checks run in the order in which a class defines them, then those that it inherits; whether the members
    are there comes first.

    Parameters
    ----------
    component : object
        What is checked.
    tolerance : float >= 0
        Largest absolute difference wherever a check asks for the same bits.

    Raises
    ------
    InputError
        If the component is a class, or lacks a member.

    Examples
    --------
    A check of one's own, and a component that fails it.

    >>> from ltrr.protocols import Encoder
    >>> class Finite(Case):
    ...     call, group, protocol = "check_finite", "encoders", Encoder
    ...     def check_finite(self):
    ...         self.must("encode")(np.isfinite(self.component.encode(["a"])).all(), "be finite, got NaN")
    >>> class Broken:
    ...     def encode(self, texts):
    ...         return np.full((len(texts), 2), np.nan)
    >>> Finite(component=Broken()).run(skip=None)
    Traceback (most recent call last):
    ltrr.checks.common.CheckError: finite: `Broken.encode` must be finite, got NaN
    """

    component: Any
    tolerance: float = 0.0

    call: ClassVar[str]
    """Name of the public function that runs the checks."""
    group: ClassVar[str]
    """Where the component is registered, a key of `ltrr.registry.REGISTRIES`."""
    protocol: ClassVar[Any]
    """The protocol or abstract class that the component keeps."""

    def __post_init__(self) -> None:
        if inspect.isclass(self.component):
            raise InputError(f"pass an instance: {self.call}({self.component.__name__}(...))")
        missing = [name for name in self.members() if not hasattr(self.component, name)]
        if missing:
            base = getattr(registry_of(self.group), "base", "") or _path(self.protocol)
            raise InputError(
                f"{self.call} needs `{missing[0]}`, which `{self.name}` does not have; inherit from `{base}`"
            )
        _check.number("tolerance", self.tolerance, low=0.0)

    @property
    def name(self) -> str:
        """Name of the component in messages."""
        return type(self.component).__name__

    @classmethod
    def members(cls) -> tuple[str, ...]:
        """Return the members that the protocol asks for."""
        if not getattr(cls.protocol, "_is_protocol", False):
            return tuple(sorted(cls.protocol.__abstractmethods__))
        kinds = [kind for kind in cls.protocol.__mro__ if getattr(kind, "_is_protocol", False)]
        return tuple(name for kind in kinds for name in vars(kind) if not name.startswith("_"))

    @classmethod
    def checks(cls) -> tuple[str, ...]:
        """Return the names of all checks, in the order in which they run."""
        found = [key for kind in cls.__mro__ for key in vars(kind) if key.startswith(_PREFIX)]
        return tuple(key.removeprefix(_PREFIX) for key in dict.fromkeys(["check_follows_protocol", *found]))

    def run(self, skip: Mapping[str, str] | None) -> None:
        """Run all checks in order and raise the first finding as a `CheckError`.

        Parameters
        ----------
        skip : mapping of check to reason, optional
            Checks that are left out; every one needs a reason.
        """
        for name, reason in (skip or {}).items():
            if name not in self.checks():
                raise InputError(f"`skip` must name checks, got {name!r}{nearest(name, self.checks())}")
            if not reason.strip():
                raise InputError(f"`skip[{name!r}]` must say why the check does not apply, got nothing")
        for name in self.checks():
            if name in (skip or {}):
                continue
            try:
                getattr(self, _PREFIX + name)()
            except Finding as finding:
                raise CheckError(name, str(finding)) from None
            except Exception as error:
                text = f"raised {type(error).__name__} where it must not: {error}"
                raise CheckError(name, text) from error

    def must(self, member: str = "", when: str = "") -> Callable[[object, str], None]:
        """Return a function that raises a `Finding` where its condition fails: "`X.member` (when) must …"."""
        where = f"`{self.name}{'.' if member else ''}{member}`{f' ({when})' if when else ''}"

        def must(condition: object, what: str) -> None:
            if not condition:
                raise Finding(f"{where} must {what}")

        return must

    def same(self, one: Any, other: Any) -> bool:
        """Say whether two answers are the same, within the tolerance."""
        return same(one, other, self.tolerance)

    @contextmanager
    def left_alone(self, *values: Any) -> Iterator[None]:
        """Raise a `Finding` if what happens within writes into ``values``."""
        untouched = copies(*values)
        yield
        self.must()(untouched(), "not write into its arguments: copy what it changes")

    def check_follows_protocol(self) -> None:
        """All members of the protocol are there."""
        for member in self.members():
            there = getattr(self.component, member, None) is not None
            self.must()(there, f"have `{member}`, as `{_path(self.protocol)}` says, got None")


def _path(kind: Any) -> str:
    return f"{kind.__module__.removesuffix('.base')}.{kind.__qualname__}"


def refused(call: Callable[[], object], what: str) -> None:
    """Raise a `Finding` unless ``call``, named by ``what``, raises an `InputError` of one line.

    Examples
    --------
    >>> def half(n):
    ...     if n % 2:
    ...         raise InputError(f"`n` must be even, got {n}")
    ...     return n // 2
    >>> refused(lambda: half(3), "an odd number")
    >>> refused(lambda: half(4), "an odd number")
    Traceback (most recent call last):
    ltrr.checks.common.Finding: an odd number must raise `InputError`, got 2
    """
    try:
        got = call()
    except InputError as error:
        lines = len(str(error).splitlines())
        if lines > 1:
            raise Finding(f"{what} must raise an `InputError` of one line, got {lines} lines") from None
        return
    text = "no error" if got is None else " ".join(repr(got).split())[:60]
    raise Finding(f"{what} must raise `InputError`, got {text}")


@dataclass(frozen=True, kw_only=True)
class LearningCase(Case, ABC):
    """A component that is asked, and taught by feedback: an arm, a policy, a ranker.

    Parameters
    ----------
    component, tolerance
        As in `Case`.

    Examples
    --------
    What every component that learns is checked for, before its own checks:

    >>> LearningCase.checks()
    ('follows_protocol', 'empty_batch', 'state_can_be_stored', 'state_continues_exactly')
    """

    verb: ClassVar[str]
    """Name of the method that answers."""
    answers: ClassVar[str]
    """What its answers are called."""
    lessons: ClassVar[int] = 3
    """Batches of feedback after which a component has learned something; as many again teach it more."""

    @abstractmethod
    def fresh(self) -> Any:
        """Return a component of the same parameters that has learned nothing."""

    @abstractmethod
    def feedback(self, batch: int) -> Feedback:
        """Return one of the batches of feedback, numbered from 0."""

    @abstractmethod
    def ask(self, component: Any) -> Any:
        """Return what the component answers, as `ltrr.checks.compare.same` compares it."""

    @abstractmethod
    def ask_nothing(self, component: Any, when: str) -> None:
        """Require that the component has an empty answer to no question."""

    def knows(self, component: Any) -> Any:
        """Return what must be equal in two components that learned the same."""
        return self.ask(component)

    @cached_property
    def course(self) -> list[Feedback]:
        """All batches of feedback."""
        return [self.feedback(batch) for batch in range(2 * self.lessons)]

    def learned(self, component: Any = None, *, start: int = 0, n: int | None = None) -> Any:
        """Return ``component`` (a fresh one if None) after ``n`` batches of feedback."""
        pupil = self.fresh() if component is None else component
        for batch in range(start, start + (self.lessons if n is None else n)):
            pupil.learn(self.course[batch])
        return pupil

    def both(self) -> Iterator[tuple[str, Any]]:
        """Yield the component before and after learning."""
        yield "unlearned", self.fresh()
        yield "after learning", self.learned()

    def check_empty_batch(self) -> None:
        """No questions have no answers, and no feedback teaches nothing."""
        nothing = self.course[0].take(np.zeros(0, np.int64))
        for when, component in self.both():
            before = self.ask(component)
            self.ask_nothing(component, when)
            component.learn(nothing)
            alike = self.same(before, self.ask(component))
            self.must("learn", when)(
                alike, f"learn nothing from empty feedback, got other {self.answers} after it"
            )

    def check_state_can_be_stored(self) -> None:
        """State is arrays, bytes and plain values, and stays what it was while learning goes on."""
        pupil = self.learned()
        state = pupil.state()
        before = pack(state)
        self.learned(pupil, start=self.lessons)
        text = "return copies, got arrays that learning went on to change"
        self.must("state")(pack(state) == before, text)

    def check_state_continues_exactly(self) -> None:
        """Restore from stored state: the copy answers, and goes on learning, as the original does."""
        pupil, other = self.learned(), self.fresh()
        other.restore(unpack(pack(pupil.state())))
        self.must("restore")(
            self.same(self.ask(pupil), self.ask(other)),
            f"lead to the same {self.answers}, got others; is something learned missing from `state()`?",
        )
        for component in (pupil, other):
            self.learned(component, start=self.lessons)
        self.must()(
            self.same(self.knows(pupil), self.knows(other)),
            f"learn on from restored state as it would have, got other {self.answers} or another state after "
            "more feedback; are counters or schedules missing from `state()`?",
        )
