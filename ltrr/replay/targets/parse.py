"""Target policies as words or objects name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ltrr.bandits.saved import load
from ltrr.errors import InputError, nearest
from ltrr.protocols import Policy
from ltrr.replay.replay_log import ReplayLog
from ltrr.replay.targets.always import Always, action_id
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.column import ColumnTarget
from ltrr.replay.targets.exploration import Exploration
from ltrr.replay.targets.logged import Logged
from ltrr.replay.targets.logged_distribution import LoggedDistribution
from ltrr.replay.targets.object import ObjectTarget
from ltrr.replay.targets.policy import PolicyTarget
from ltrr.replay.targets.uniform import UniformTarget
from ltrr.replay.targets.vw import VWTarget
from ltrr.replay.targets.without import Without

__all__ = ["TARGETS", "parse_target"]

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "uniform": "every eligible action alike",
        "always:ACTION": "one action in every row",
        "logged": "the logging policy by its frequencies per cell (?cells=position,age&smoothing=1)",
        "logged:PATH": "the policy behind another log, by its frequencies per cell (the same options)",
        "column:NAME": "a column of target probabilities of the chosen actions",
        "policy:FOLDER": "a saved policy, frozen; a folder's path alone means the same",
        "vw:FILE": "a model saved by Vowpal Wabbit",
        "without:ACTION": "the logged policy with one action taken away (?of=POLICY for another policy)",
        "epsilon:RATE": "the logged policy's favourite with another exploration rate (?of=POLICY)",
        "mixed:RATE": "the logged policy with uniform exploration on top (?of=POLICY)",
    }
)
"""How target policies are named, and what they are."""

_OPTIONS = {
    "logged": ("cells", "smoothing"),
    "without": ("of",),
    "epsilon": ("of",),
    "mixed": ("of",),
}
_KINDS = tuple(dict.fromkeys(word.split(":")[0] for word in TARGETS))

Reader = Callable[[str], ReplayLog]


def _options(kind: str, text: str) -> tuple[str, dict[str, str]]:
    """Split ``VALUE?key=value&key=value``; ``of`` takes all that follows it."""
    known = _OPTIONS.get(kind, ())
    # an action's name may hold a question mark: options begin where one of theirs does
    start = re.search(r"\?(?=\w+=)", text) if known else None
    if start is None:
        return text, {}
    value, rest = text[: start.start()], text[start.end() :]
    options: dict[str, str] = {}
    while rest:
        key, _, rest = rest.partition("=")
        if key not in known:
            raise InputError(f"policy `{kind}` has no option {key!r}{nearest(key, known)}")
        if key == "of":
            options[key], rest = rest, ""
        else:
            options[key], _, rest = rest.partition("&")
    return value, options


def _is_file(path: Path) -> bool:
    """Say whether a file is there; words that no file system takes as a name name none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _rate(kind: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"policy `{kind}:RATE` must give a number in [0, 1], got {text!r}") from None


def _logged(value: str, options: Mapping[str, str], log: ReplayLog, read: Reader | None) -> Target:
    smoothing = _smoothing(options)
    cells = tuple(c for c in options.get("cells", "position").split(",") if c)
    target = Logged(cells=cells, smoothing=smoothing)
    if not value:
        return target.fit(log)
    if read is None:
        raise InputError(f"policy `logged:{value}` needs a reader of logs")
    return target.fit(read(value), source=value)


def _smoothing(options: Mapping[str, str]) -> float:
    text = options.get("smoothing", "0")
    try:
        return float(text)
    except ValueError:
        raise InputError(f"policy `logged?smoothing=` must give a number >= 0, got {text!r}") from None


def _changed(
    kind: str, value: str, options: Mapping[str, str], log: ReplayLog, read: Reader | None
) -> Target:
    of = parse_target(options["of"], log, read=read) if "of" in options else LoggedDistribution()
    if kind == "without":
        action_id(log.space, value, "without")
        return Without(value, of=of)
    return Exploration(_rate(kind, value), of=of, greedy=kind == "epsilon")


def _words(text: str, log: ReplayLog, read: Reader | None) -> Target:
    kind, colon, rest = text.partition(":")
    bare = kind.partition("?")[0]
    if bare == "logged" and bare != kind:
        kind, rest = bare, text[len(bare) :]
    if kind not in _KINDS:
        if _is_file(Path(text) / "policy.json"):
            return PolicyTarget(load(text), label=Path(text).name)
        raise InputError(
            f"policy {text!r} is neither a known word nor a saved policy's folder{nearest(kind, _KINDS)}"
        )
    value, options = _options(kind, rest)
    if not value and kind not in ("uniform", "logged"):
        usage = next(word for word in TARGETS if word.startswith(f"{kind}:"))
        raise InputError(f"policy `{kind}` must be given as `{usage}`, got {text!r}")
    if kind == "uniform":
        if colon:
            raise InputError(f"policy `uniform` takes nothing more, got {text!r}")
        return UniformTarget()
    if kind == "always":
        action_id(log.space, value, "always")
        return Always(value)
    if kind == "logged":
        return _logged(value, options, log, read)
    if kind == "column":
        return ColumnTarget(value)
    if kind == "policy":
        return PolicyTarget(load(value), label=Path(value).name)
    if kind == "vw":
        return VWTarget(value)
    return _changed(kind, value, options, log, read)


def parse_target(item: Any, log: ReplayLog, *, read: Reader | None = None) -> Target:
    """Return the target policy that words, a policy or another object mean for a log.

    Words are those of `TARGETS`: ``uniform``, ``always:ITEM``, ``logged:PATH?cells=position,age``,
    ``epsilon:0.1?of=policy:FOLDER`` and so on. Options follow a question mark, joined by ``&``; what follows
    ``of=`` is a policy of its own. Estimated policies take a pass over their log here.

    Parameters
    ----------
    item : str, Target, Policy, or object
        Objects are a target, a policy of this package, or what `ObjectTarget` takes.
    log : ReplayLog
        The log to judge from.
    read : function, optional
        Opens the log at a path, for ``logged:PATH``; should read it as ``log`` was read.

    Raises
    ------
    InputError
        If the words are unknown (the nearest known one is told), a file cannot be read, or an object can do
        nothing that is needed.
    """
    if isinstance(item, (str, Path)):
        return _words(str(item), log, read)
    if isinstance(item, Target):
        return item
    if isinstance(item, Policy):
        return PolicyTarget(item)
    return ObjectTarget(item)
