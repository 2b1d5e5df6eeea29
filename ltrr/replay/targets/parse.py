"""Target policies from names, import paths or objects."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ltrr.errors import InputError, nearest
from ltrr.logs.replay_log import ReplayLog
from ltrr.protocols import Policy
from ltrr.registry import registry_of, resolve
from ltrr.replay import targets
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.given import is_data, of_data, of_function, reads_of_data
from ltrr.replay.targets.named import Asked, policy
from ltrr.replay.targets.reads import FEATURES, Reads
from ltrr.replay.targets.registry import TARGETS
from ltrr.types.spec import is_path, make, spec_of

__all__ = ["parse_target", "reads"]

Reader = Callable[[str], ReplayLog]


def _options(name: str, text: str, known: list[str]) -> tuple[str, dict[str, str]]:
    """Split ``VALUE?key=value&key=value``; ``of`` takes all that follows it."""
    # an action's name may hold a question mark: options begin where one of theirs does
    start = re.search(r"\?(?=\w+=)", text) if known else None
    if start is None:
        return text, {}
    value, rest = text[: start.start()], text[start.end() :]
    options: dict[str, str] = {}
    while rest:
        key, _, rest = rest.partition("=")
        if key not in known:
            raise InputError(f"policy `{name}` has no option {key!r}{nearest(key, known)}")
        if key == "of":
            options[key], rest = rest, ""
        else:
            options[key], _, rest = rest.partition("&")
    return value, options


def _is_file(path: Path) -> bool:
    """Return whether a text is the path of a file; False where it cannot be a path."""
    try:
        return path.is_file()
    except OSError:
        return False


def _split(text: str) -> tuple[str, str]:
    """Return the name and what follows it, a colon included: options may follow without a value."""
    name = re.split(r"[:?]", text, maxsplit=1)[0]
    return name, text[len(name) :]


def _arguments(name: str, rest: str) -> tuple[list[str], dict[str, str]]:
    """Return what a text gives one of `TARGETS`: its value, where it takes one, and options by name."""
    found = list(inspect.signature(TARGETS.makers[name]).parameters.values())[1:]
    options = [p.name for p in found if p.kind is p.KEYWORD_ONLY]
    takes = [p for p in found if p.kind is not p.KEYWORD_ONLY]
    if not takes and rest:
        raise InputError(f"policy `{name}` takes nothing more, got {name + rest!r}")
    value, given = _options(name, rest.removeprefix(":"), options)
    if takes and not value and takes[0].default is inspect.Parameter.empty:
        usage = f"{name}:{takes[0].name.upper()}"
        raise InputError(f"policy `{name}` must be given as `{usage}`, got {name + rest!r}")
    return [value] if takes else [], given


def _named(name: str, rest: str, asked: Asked) -> Target:
    """Return what one of `TARGETS` means."""
    values, given = _arguments(name, rest)
    target: Target = TARGETS.makers[name](asked, *values, **given)
    return target


def reads(item: Any) -> Reads:
    """Return what a policy reads of a log, as far as that can be known before anything is opened or made.

    Parameters
    ----------
    item : str, Target, Policy, or object
        As `parse_target` takes it. Objects without an attribute ``reads`` and import paths may read
        everything.

    Examples
    --------
    >>> reads("epsilon:0.1?of=always:3")
    Reads(features=False, targets=frozenset(), numbers=frozenset(), labels=frozenset(), ids=frozenset())
    >>> reads("column:new").targets, reads("mymodule:MyPolicy").features
    (frozenset({'new'}), True)
    """
    if isinstance(item, (str, Path)):
        return _reads_of_text(str(item))
    if (stated := reads_of_data(item)) is not None:
        return stated
    known = getattr(item, "reads", None)
    if isinstance(known, Reads):
        return known
    # a policy of this package is asked about contexts and actions, never about the log's columns
    return FEATURES if isinstance(item, Policy) else Reads()


def _reads_of_text(text: str) -> Reads:
    name, rest = _split(text)
    if name not in TARGETS.makers:
        return FEATURES if _is_file(Path(text) / "policy.json") else Reads()
    try:
        values, given = _arguments(name, rest)
    except InputError:  # said by `parse_target`, which comes to the same text
        return Reads()
    options: dict[str, Any] = {**given, "of": reads(given["of"])} if given.get("of") else given
    options = {key: value for key, value in options.items() if value != ""}
    found: Reads = TARGETS.makers[name].reads(*values, **options)
    return found


def _importable(module: str) -> bool:
    """Return whether the package of a module can be found; nothing is imported."""
    package = module.partition(".")[0]
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _of_text(text: str, asked: Asked) -> Target:
    name, rest = _split(text)
    if name in TARGETS.makers:
        return _named(name, rest, asked)
    if _is_file(Path(text) / "policy.json"):
        return policy(asked, text)
    module, _, attribute = text.partition(":")
    path = is_path(module, attribute.partition(":")[0])
    if module in TARGETS.names or (path and _importable(module)):
        # a function of events takes no settings, which further colons give
        if module not in TARGETS.names and ":" not in attribute:
            found = resolve(text, "policies")
            if _is_policy_function(found):
                return of_function(found)
        return _of_object(make(TARGETS, spec_of(TARGETS, text, "policies"), "policies"), asked.log)
    missing = f"; nor is there a module {module!r}" if path else ""
    raise InputError(_unknown(text, name, missing))


def _unknown(text: str, name: str, missing: str) -> str:
    """Say that a policy is not known, and which was meant: those that learn have a word before their name."""
    learners = {*registry_of("policies").names, *resolve("ltrr.bandits.registry:PRESETS", "policies")}
    if name in learners:
        return (
            f"policy {text!r} has no probabilities before it has learned: write learning:{text} to let it "
            "learn along the log, or name the folder of a saved one"
        )
    spelled = {**{f"learning:{learner}": learner for learner in learners}, **{n: n for n in TARGETS.names}}
    closest = difflib.get_close_matches(name, spelled.values(), n=1)
    meant = [text for text, short in spelled.items() if short in closest]
    hint = f"; did you mean {meant[-1]!r}?" if meant else nearest(name, TARGETS.names)
    return f"policy {text!r} is neither a known policy nor a saved policy's folder{missing}{hint}"


def _is_policy_function(item: Any) -> bool:
    """Return whether what a module holds is a function of events: others make a policy of their settings."""
    if not inspect.isfunction(item):
        return False
    known = inspect.signature(item).parameters.values()
    return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in known) == 1


def _of_object(item: Any, log: ReplayLog) -> Target:
    if is_data(item):
        return of_data(item, log.space.actions)
    TARGETS.check_object(item, "policies")
    if isinstance(item, Target):
        return item
    if isinstance(item, Policy):
        return targets.PolicyTarget(item)
    stated = any(callable(getattr(item, name, None)) for name in ("probabilities", "predict_proba"))
    return of_function(item) if callable(item) and not stated else targets.ObjectTarget(item)


def parse_target(item: Any, log: ReplayLog, *, read: Reader | None = None) -> Target:
    """Return the target policy that a text, a policy or another object means for a log.

    Names are those of `TARGETS`: ``uniform``, ``always:ITEM``, ``logged:PATH?cells=position,age``,
    ``epsilon:0.1?of=policy:FOLDER`` and so on. Options follow a question mark, joined by ``&``; what follows
    ``of=`` is another policy. Estimated policies take a pass over their log here. ``module:Class`` makes an
    object, with values of its parameters after further colons; ``module:function`` is a function of `Events`.

    Parameters
    ----------
    item : str, Target, Policy, function, array, table, mapping, or object
        Objects are a target, a policy of this package, or what `ObjectTarget` takes. A function of `Events`
        is a `FunctionTarget`; a matrix or a table with a row for each row of the log a `MatrixTarget`, an
        array of one dimension a `VectorTarget`; a mapping from actions to probabilities a `FixedTarget`.
    log : ReplayLog
        The log to judge from.
    read : function, optional
        Opens the log at a path, for ``logged:PATH``; should read it as ``log`` was read.

    Raises
    ------
    InputError
        If the name is unknown (the nearest known one is suggested), a file or module cannot be read, or an
        object has none of the needed methods.
    """
    if isinstance(item, (str, Path)):
        return _of_text(str(item), Asked(log, partial(parse_target, log=log, read=read), read))
    return _of_object(item, log)
