"""A study as a file that explains itself: every setting, with its meaning above it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ltrr.bandits.spec import PolicySpec
from ltrr.registry import registry_of
from ltrr.study.settings import about_policy, policy_names, policy_settings, study_settings
from ltrr.study.study import Study
from ltrr.types.component import Component
from ltrr.types.docstring import entries, first_sentence
from ltrr.types.settings import Setting
from ltrr.types.toml_text import toml_key, toml_text

__all__ = ["annotated"]

WIDTH = 100

HEAD = """\
A study: all that determines a simulation's results. Run it by `ltrr simulate FILE`.
A setting behind a "#" is at its default: take the "#" away to change it.
Names and their settings: `ltrr list policies`, `ltrr list policies linucb`, and so on."""

_GROUPS = {"world": "worlds", "user": "users", "ranker": "rankers", "reward": "rewards"}

_OF_ANY_POLICY = ("ranker", "tune")
"""Settings of a policy that every kind has: explained once, and written only where given."""


def annotated(study: Study) -> str:
    """Return a study as the text of a file, with every setting that it could have and what each means.

    Examples
    --------
    >>> from ltrr.study.files import read_study
    >>> text = annotated(read_study("default"))
    >>> begin = text.index("# Slots a request")
    >>> print(text[begin : begin + 74])
    # Slots a request: how often a policy draws an arm (int >= 1).
    n_slots = 3
    """
    known, settings = study_settings(), study.settings()
    lines = [*_comment(HEAD), ""]
    plain = [s for name, s in known.items() if "." not in name and name not in (*_GROUPS, "arms", "policies")]
    lines += _settings(plain, settings)
    for table, group in _GROUPS.items():
        lines += ["", *_comment(first_sentence(known[table].meaning)), f"[{table}]"]
        lines += _component(group, getattr(study, table), settings[table])
        if table == "ranker":
            lines += _settings([replace(known["ranker.features"], name="features")], settings[table])
    lines += ["", *_comment(first_sentence(known["arms"].meaning))]
    for name, component in study.arms.items():
        lines += [f"[arms.{toml_key(name)}]", *_component("arms", component, settings["arms"][name])]
    for table in ("loop", "tuning"):
        inner = [replace(s, name=k.partition(".")[2]) for k, s in known.items() if k.startswith(f"{table}.")]
        lines += ["", f"[{table}]", *_settings(inner, settings[table])]
    own = entries(PolicySpec)
    said = "\n".join(f"`{name}` of a policy: {own[name].meaning}" for name in _OF_ANY_POLICY)
    lines += ["", *_comment(f"{known['policies'].meaning}\n{said}")]
    for spec in study.policies:
        lines += ["[[policies]]", *_policy(spec), ""]
    return "\n".join(lines).rstrip() + "\n"


def _comment(text: str) -> list[str]:
    """Return text as lines of a comment."""
    return [
        f"# {line}"
        for part in text.split("\n")
        for line in textwrap.wrap(part, WIDTH, break_on_hyphens=False)
    ]


def _settings(settings: Sequence[Setting], given: Mapping[str, Any]) -> Iterator[str]:
    """Yield each setting below its meaning; what is not given is a comment that shows the default."""
    for s in settings:
        kind = f"{s.kind}, required" if s.required else s.kind
        yield from _comment(f"{first_sentence(s.meaning)} ({kind})." if s.meaning else f"{kind}.")
        yield f"{toml_key(s.name)} = {toml_text(given[s.name])}" if s.name in given else _default(s)
        yield ""


def _default(s: Setting) -> str:
    """Return a comment that shows the default."""
    return f"# {toml_key(s.name)} = {s.shown or ('' if s.required else '(not set)')}".rstrip()


def _component(group: str, component: Component, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield kind and settings of a component."""
    registry = registry_of(group)
    if component.unnamed:
        yield from _comment(f"{component.kind} was given as an object, which a file cannot make again.")
        return
    yield from _comment(f"{registry.about(component.kind)}. Others: `ltrr list {group}`.")
    yield f"kind = {toml_text(component.kind)}"
    yield ""
    yield from _settings(registry.settings(component.kind, group), table)


def _policy(spec: PolicySpec) -> Iterator[str]:
    """Yield name, kind and settings of a policy, and what they mean."""
    table = spec.settings()
    kind = table["kind"]
    named = spec.name if spec.name in policy_names() else kind
    yield from _comment(about_policy(named) + ".")
    for key in ("name", "kind"):
        yield f"{key} = {toml_text(table[key])}"
    known = {s.name: s for s in policy_settings(kind) if s.name not in _OF_ANY_POLICY or s.name in table}
    for name in dict.fromkeys([*known, *(key for key in table if key not in ("name", "kind"))]):
        s = known.get(name, Setting(name, "", None, ""))
        line = f"{toml_key(name)} = {toml_text(table[name])}" if name in table else _default(s)
        yield f"{line}  # {first_sentence(s.meaning)}" if s.meaning else line
