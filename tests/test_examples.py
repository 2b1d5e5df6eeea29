"""Every public class shows in its docstring, by an example that runs, what it is for."""

import doctest
import inspect

import pytest

from ltrr.registry import REGISTRIES, registry_of
from tests.test_public_api import public_things


def has_example(kind):
    """Say whether a class's own docstring holds an example whose output is checked."""
    examples = doctest.DocTestParser().get_examples(inspect.cleandoc(kind.__doc__ or ""))
    return any((e.want or e.exc_msg) and not e.options.get(doctest.SKIP) for e in examples)


def test_every_public_class_has_an_example_that_runs():
    classes = {where: thing for where, thing in public_things() if inspect.isclass(thing)}
    assert len(classes) > 200
    assert sorted(where for where, kind in classes.items() if not has_example(kind)) == []


@pytest.mark.parametrize("group", REGISTRIES)
def test_every_registered_class_has_an_example(group):
    registry = registry_of(group)
    kinds = {name: registry.maker(name, group) for name in registry.names}
    bare = [name for name, kind in kinds.items() if inspect.isclass(kind) and not has_example(kind)]
    assert kinds
    assert bare == []


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
