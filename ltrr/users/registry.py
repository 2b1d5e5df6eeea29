"""The user models, with published parameters, and the rewards that have names."""

from __future__ import annotations

from ltrr.protocols import UserModel
from ltrr.registry import Registry, preset
from ltrr.users.cascade import Cascade
from ltrr.users.dbn import DBN, SDBN
from ltrr.users.pbm import PBM
from ltrr.users.rewards import Reward
from ltrr.users.stop_table import StopTable

__all__ = ["REWARDS", "USERS"]

# rows for 5, 3 and 2 grades where published; any other number of grades interpolates the row of 5
_PERFECT = preset(
    StopTable,
    "Users who judge every item: they click by relevance and never stop",
    click=((0.0, 0.2, 0.4, 0.8, 1.0), (0.0, 0.5, 1.0)),
    stop=((0.0,) * 5, (0.0,) * 3),
)
_NAVIGATIONAL = preset(
    StopTable,
    "Users who look for one item: they seldom click what is irrelevant, and stop when they have found it",
    click=((0.05, 0.3, 0.5, 0.7, 0.95), (0.05, 0.5, 0.95), (0.05, 0.95)),
    stop=((0.2, 0.3, 0.5, 0.7, 0.9), (0.2, 0.5, 0.9), (0.2, 0.9)),
)
_INFORMATIONAL = preset(
    StopTable,
    "Users who gather: they click freely and read on",
    click=((0.4, 0.6, 0.7, 0.8, 0.9), (0.4, 0.7, 0.9), (0.4, 0.9)),
    stop=((0.1, 0.2, 0.3, 0.4, 0.5), (0.1, 0.3, 0.5), (0.1, 0.5)),
)
_ALMOST_RANDOM = preset(
    StopTable,
    "Users who click on anything, relevant or not, with nearly the same probability",
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
        "satisfied": preset(Reward, "1 for a page with a click that satisfied", "satisfied"),
        "any-click": preset(Reward, "1 for a page with a click", "click"),
        "clicks": preset(Reward, "Share of the page's places that were clicked", "clicks"),
        "dcg": preset(Reward, "Share of the page's places that were clicked, discounted by place", "dcg"),
    },
    needs=("expected", "observed", "cost"),
    base="ltrr.users.Reward",
)
"""Kinds of reward."""
