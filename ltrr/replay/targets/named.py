"""Target policies that can be given by name: one function each.

What follows the name after a colon is the function's second parameter; options after a question mark are the
keyword-only ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ltrr.errors import InputError
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay import targets
from ltrr.replay.targets.always import action_id
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.reads import FEATURES, NO_COLUMNS, Reads, narrowed, reading

__all__ = [
    "Asked",
    "always",
    "column",
    "columns",
    "epsilon",
    "learning",
    "logged",
    "mixed",
    "policy",
    "quota",
    "uniform",
    "vw",
    "without",
]


@dataclass(frozen=True)
class Asked:
    """What a named target may need in addition to its parameters.

    Parameters
    ----------
    log : ReplayLog
        The log to judge from.
    parse : callable
        Returns the target that another text means.
    read : callable or None
        Opens the log at a path.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> log = read(pa.table({"action": ["tea", "latte"], "reward": [0, 1]}))
    >>> always(Asked(log, parse=lambda text: targets.UniformTarget()), "tea").name
    'always:tea'
    """

    log: ReplayLog
    parse: Callable[[str], Target]
    read: Callable[[str], ReplayLog] | None = None


def _of_cells(path: str = "", *, cells: str = "position", smoothing: str = "0") -> Reads:
    """Return what frequencies by cells read: features, unless every log has the columns."""
    del path, smoothing
    return Reads(features=not set(_words(cells)) <= {"position", "slot"}, targets=frozenset())


@reading(lambda: NO_COLUMNS)
def uniform(asked: Asked) -> Target:
    """Choose every eligible action with the same probability."""
    del asked
    return targets.UniformTarget()


@reading(lambda action: NO_COLUMNS)  # noqa: ARG005 - as the parameters below
def always(asked: Asked, action: str) -> Target:
    """Choose one action in every row: ``always:ACTION``."""
    action_id(asked.log.space, action, "always")
    return targets.Always(action)


@reading(_of_cells)
def logged(asked: Asked, path: str = "", *, cells: str = "position", smoothing: str = "0") -> Target:
    """Repeat this log's frequencies, or another's: ``logged:PATH?cells=position,age&smoothing=1``."""
    target = targets.Logged(cells=_words(cells), smoothing=_smoothing(smoothing))
    if not path:
        return target.fit(asked.log)
    if asked.read is None:
        raise InputError(f"policy `logged:{path}` needs a reader of logs")
    return target.fit(narrowed(asked.read(path), _of_cells(cells=cells)), source=path)


@reading(lambda name: Reads(features=False, targets=frozenset({name})))
def column(asked: Asked, name: str) -> Target:
    """Take a column of target probabilities of the chosen actions: ``column:NAME``."""
    del asked
    return targets.ColumnTarget(name)


@reading(
    lambda pattern, missing="": Reads(  # noqa: ARG005 - as the parameters below
        features=False, targets=frozenset(), numbers=frozenset({pattern} if pattern.count("*") == 1 else ())
    )
)
def columns(asked: Asked, pattern: str, *, missing: str = "") -> Target:
    """Take columns of probabilities, one an action: ``columns:new_*?missing=0``, ``*`` the action's name."""
    del asked
    if missing not in ("", "0"):
        raise InputError(f"policy `columns?missing=` must give 0, or be left out, got {missing!r}")
    return targets.ColumnsTarget(pattern, zeros=missing == "0")


@reading(lambda folder: FEATURES)  # noqa: ARG005 - as the parameters below
def policy(asked: Asked, folder: str) -> Target:
    """Freeze a saved policy: ``policy:FOLDER``; a folder's path alone means the same."""
    del asked
    return targets.PolicyTarget.saved(folder)


@reading(lambda file: FEATURES)  # noqa: ARG005 - as the parameters below
def vw(asked: Asked, file: str) -> Target:
    """Freeze a model saved by Vowpal Wabbit: ``vw:FILE``."""
    del asked
    return targets.VWTarget(file)


@reading(lambda action, of=NO_COLUMNS: of)  # noqa: ARG005 - as the parameters below
def without(asked: Asked, action: str, *, of: str = "") -> Target:
    """Take one action away from the logged policy, or another: ``without:ACTION?of=POLICY``."""
    base = _base(asked, of)
    action_id(asked.log.space, action, "without")
    return targets.Without(action, of=base)


@reading(lambda rate, of=NO_COLUMNS: of)  # noqa: ARG005 - as the parameters below
def epsilon(asked: Asked, rate: str, *, of: str = "") -> Target:
    """Explore at another rate around the favourite of a policy: ``epsilon:RATE?of=POLICY``."""
    base = _base(asked, of)
    return targets.Exploration(_rate("epsilon", rate), of=base, greedy=True)


@reading(lambda rate, of=NO_COLUMNS: of)  # noqa: ARG005 - as the parameters below
def mixed(asked: Asked, rate: str, *, of: str = "") -> Target:
    """Explore uniformly on top of the logged policy, or another: ``mixed:RATE?of=POLICY``."""
    base = _base(asked, of)
    return targets.Exploration(_rate("mixed", rate), of=base, greedy=False)


@reading(lambda quota: NO_COLUMNS)  # noqa: ARG005  # its parts of the log are read apart
def quota(asked: Asked, quota: str) -> Target:
    """Divide the slots among arms, on logs of this package: ``quota:2 bm25 + 1 memory``."""
    del asked
    return _alone(f"quota:{quota}")


@reading(lambda name: FEATURES)  # noqa: ARG005 - as the parameters below
def learning(asked: Asked, name: str) -> Target:
    """Learn along the log, by rejection replay: ``learning:NAME``, of ``ltrr list policies``."""
    del asked
    return _alone(f"learning:{name}")


def _alone(text: str) -> Target:
    raise InputError(
        f"policy {text!r} states no probabilities of logged decisions: give it to `ltrr.replay.run` by itself"
    )


def _base(asked: Asked, of: str) -> Target:
    """Return the policy that another one modifies."""
    return asked.parse(of) if of else targets.LoggedDistribution()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _rate(word: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"policy `{word}:RATE` must give a number in [0, 1], got {text!r}") from None


def _smoothing(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"policy `logged?smoothing=` must give a number >= 0, got {text!r}") from None
