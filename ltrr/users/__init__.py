"""Simulated users: who examines, clicks and is satisfied."""

from ltrr.users.cascade import Cascade
from ltrr.users.dbn import DBN, SDBN
from ltrr.users.graded import GradedUser
from ltrr.users.pbm import PBM
from ltrr.users.registry import REWARDS, USERS
from ltrr.users.rewards import Reward, grade_order_is_best
from ltrr.users.stop_table import StopTable
from ltrr.users.tables import Outcome, PageProbabilities, TableUser, UserTables, pages_of

__all__ = [
    "Cascade",
    "DBN",
    "GradedUser",
    "Outcome",
    "PBM",
    "PageProbabilities",
    "REWARDS",
    "Reward",
    "SDBN",
    "StopTable",
    "TableUser",
    "USERS",
    "UserTables",
    "grade_order_is_best",
    "pages_of",
]
