"""What a study file may say: every setting, as the docstrings have it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ltrr.bandits.registry import BEST_STATIC, POLICIES, PRESETS
from ltrr.bandits.spec import PolicySpec
from ltrr.errors import InputError, nearest
from ltrr.registry import registry_of
from ltrr.simulation.setting import LoopSetting
from ltrr.study.study import Study, Tuning
from ltrr.types.settings import Setting, settings_of
from ltrr.types.toml_text import toml_text

__all__ = ["about_policy", "policy_names", "policy_settings", "study_settings"]

_OPENED = {"loop": LoopSetting, "tuning": Tuning}
"""Tables of a study whose settings are those of a class."""


def study_settings() -> dict[str, Setting]:
    """Return every setting of a study file by its dotted name.

    Settings of components (worlds, users, rankers, rewards, arms, policies) depend on their kinds: they are
    what `ltrr.types.settings.settings_of` returns of a kind's maker.

    Examples
    --------
    >>> warmup = study_settings()["loop.warmup"]
    >>> warmup.kind, warmup.default
    ('int', 300)
    """
    found: dict[str, Setting] = {}
    for setting in settings_of(Study):
        name = "ranker.features" if setting.name == "features" else setting.name
        for inner in settings_of(_OPENED[name]) if name in _OPENED else (setting,):
            dotted = f"{name}.{inner.name}" if name in _OPENED else name
            found[dotted] = replace(inner, name=dotted)
    return found


def policy_names() -> dict[str, str]:
    """Return every name that stands for a policy, with a line about it."""
    names = dict.fromkeys([*POLICIES.names, *registry_of("arms").names, *PRESETS])
    return {name: about_policy(name) for name in names}


def about_policy(name: str) -> str:
    """Return a line about a policy: of its kind, and what it sets otherwise.

    Examples
    --------
    >>> about_policy("bm25")
    'Give every slot to arm bm25'
    """
    kind, preset = _preset(name)
    if name in registry_of("arms").names:
        return f"Give every slot to arm {name}"
    own = preset.pop("ranker", {})
    about = (
        "The best fixed allocation, searched on tuning seeds" if kind == BEST_STATIC else POLICIES.about(kind)
    )
    said = ", ".join(f"{key} = {toml_text(value)}" for key, value in _flat(preset | {"ranker": own}))
    return about + (f" ({said})" if said else "")


def policy_settings(name: str) -> tuple[Setting, ...]:
    """Return the settings of a policy by name, with what the name sets as their defaults.

    Raises
    ------
    InputError
        If there is no such policy.

    Examples
    --------
    >>> [setting.default for setting in policy_settings("vw-squarecb") if setting.name == "explore"]
    ['squarecb']
    """
    kind, preset = _preset(name)
    ranker, tune = (s for s in settings_of(PolicySpec) if s.name in ("ranker", "tune"))
    own = () if kind == BEST_STATIC else settings_of(POLICIES.maker(kind, name))
    found = (*own, replace(ranker, kind="name or table", default=None), tune)
    return tuple(replace(s, default=preset.get(s.name, s.default)) for s in found)


def _preset(name: str) -> tuple[str, dict[str, Any]]:
    """Return the kind that a name stands for, and the settings that come with it."""
    if name in PRESETS:
        table = dict(PRESETS[name])
        return table.pop("kind"), table
    if name in POLICIES.names or ":" in name:
        return name, {}
    arms = registry_of("arms").names
    if name in arms:
        return "single", {"arm": name}
    known = [*POLICIES.names, *arms, *PRESETS]
    raise InputError(f"`policies` names no known kind, got {name!r}{nearest(name, known)}")


def _flat(table: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return settings with dotted names."""
    return [
        (f"{key}.{name}" if name else key, inner)
        for key, value in table.items()
        for name, inner in (value.items() if isinstance(value, dict) else [("", value)])
    ]
