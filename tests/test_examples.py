"""Every public class shows in its docstring, by an example that runs, what it is for."""

import doctest
import inspect

import pytest

from ltrr.registry import REGISTRIES, registry_of
from tests.test_public_api import public_things

LATER = {
    "ltrr.replay": "its readers and checks move to ltrr.logs, and its examples are written then",
    "ltrr.logs": "takes in the readers of logs, and its examples are written then",
}
"""Packages whose classes may still lack an example, and why."""

PENDING: dict[str, str] = {}
"""Classes that still lack an example, and why."""


def has_example(kind):
    """Say whether a class's own docstring holds an example whose output is checked."""
    examples = doctest.DocTestParser().get_examples(inspect.cleandoc(kind.__doc__ or ""))
    return any((e.want or e.exc_msg) and not e.options.get(doctest.SKIP) for e in examples)


def is_later(where):
    return any(where.startswith(f"{package}.") for package in LATER)


def bare_classes():
    return {where for where, thing in public_things() if inspect.isclass(thing) and not has_example(thing)}


def test_every_public_class_has_an_example_that_runs():
    classes = [where for where, thing in public_things() if inspect.isclass(thing) and not is_later(where)]
    assert len(classes) > 80
    assert sorted(where for where in bare_classes() - set(PENDING) if not is_later(where)) == []


def test_exemptions_are_still_needed():
    """What has an example by now, or is gone, must leave the lists."""
    bare = bare_classes()
    assert sorted(set(PENDING) - bare) == []
    assert all(any(where.startswith(f"{package}.") for where in bare) for package in LATER)


@pytest.mark.parametrize("group", REGISTRIES)
def test_every_registered_class_has_an_example(group):
    registry = registry_of(group)
    kinds = {name: registry.maker(name, group) for name in registry.names}
    bare = [name for name, kind in kinds.items() if inspect.isclass(kind) and not has_example(kind)]
    assert kinds
    assert [name for name in bare if not is_later(f"{kinds[name].__module__}.{name}")] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (">>> 1 + 1\n2", True),
        (">>> int('x')\nTraceback (most recent call last):\nValueError: no number", True),
        ("Adds numbers, as in 1 + 1.", False),
        (">>> x = 1", False),
        (">>> 1 + 1  # doctest: +SKIP\n2", False),
    ],
)
def test_what_counts_as_an_example(text, found):
    kind = type("Sum", (), {"__doc__": f"Sums.\n\nExamples\n--------\n{text}\n"})
    assert has_example(kind) is found
