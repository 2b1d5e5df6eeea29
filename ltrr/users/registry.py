"""The user models, with published parameters, and the rewards that have names."""

from __future__ import annotations

from functools import partial

from ltrr.protocols import UserModel
from ltrr.registry import Registry
from ltrr.users.cascade import Cascade
from ltrr.users.dbn import DBN, SDBN
from ltrr.users.pbm import PBM
from ltrr.users.rewards import Reward
from ltrr.users.stop_table import StopTable

__all__ = ["REWARDS", "USERS"]

# rows for 5, 3 and 2 grades where published; any other number of grades interpolates the row of 5
_PERFECT = partial(
    StopTable,
    click=((0.0, 0.2, 0.4, 0.8, 1.0), (0.0, 0.5, 1.0)),
    stop=((0.0,) * 5, (0.0,) * 3),
)
_NAVIGATIONAL = partial(
    StopTable,
    click=((0.05, 0.3, 0.5, 0.7, 0.95), (0.05, 0.5, 0.95), (0.05, 0.95)),
    stop=((0.2, 0.3, 0.5, 0.7, 0.9), (0.2, 0.5, 0.9), (0.2, 0.9)),
)
_INFORMATIONAL = partial(
    StopTable,
    click=((0.4, 0.6, 0.7, 0.8, 0.9), (0.4, 0.7, 0.9), (0.4, 0.9)),
    stop=((0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.3, 0.5), (0.1, 0.5)),
)
_ALMOST_RANDOM = partial(
    StopTable,
    click=((0.4, 0.45, 0.5, 0.55, 0.6),),
    stop=((0.5,) * 5,),
)

USERS = Registry(
    "users",
    {
        "almost-random": _ALMOST_RANDOM,
        "cascade": Cascade,
        "dbn": DBN,
        "informational": _INFORMATIONAL,
        "navigational": _NAVIGATIONAL,
        "pbm": PBM,
        "perfect": _PERFECT,
        "sdbn": SDBN,
    },
    makes=UserModel,
    needs=("tables", "probabilities", "sample"),
    base="ltrr.users.TableUser",
)
"""Kinds of user model; each can be made without settings.

The stop tables are those of the online learning-to-rank literature (Hofmann, PhD thesis, 2013, section 3.3);
see `ltrr.users.StopTable` for how a world's number of grades picks or interpolates a row.
"""

REWARDS = Registry(
    "rewards",
    {
        "satisfied": partial(Reward, "satisfied"),
        "any-click": partial(Reward, "click"),
        "clicks": partial(Reward, "clicks"),
        "dcg": partial(Reward, "dcg"),
    },
    needs=("expected", "observed", "cost"),
    base="ltrr.users.Reward",
)
"""Kinds of reward."""
