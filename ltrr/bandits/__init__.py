"""Policies: who draws candidates, one file each; and the credit they learn from."""

from ltrr.bandits.base import BasePolicy
from ltrr.bandits.blocks import BLOCKS
from ltrr.bandits.credit import credit
from ltrr.bandits.epsilon_greedy import EpsilonGreedy
from ltrr.bandits.fixed import EqualSplit, SingleArm, StaticQuota
from ltrr.bandits.joint import joint_features, joint_names
from ltrr.bandits.linucb import LinUCB
from ltrr.bandits.linucb_disjoint import LinUCBDisjoint
from ltrr.bandits.registry import POLICIES, PRESETS
from ltrr.bandits.saved import load, save
from ltrr.bandits.spec import PolicySpec, policy_spec
from ltrr.bandits.uniform import Uniform
from ltrr.bandits.vowpal_wabbit import VowpalWabbit
from ltrr.bandits.warm_up import warm_up

__all__ = [
    "BLOCKS",
    "POLICIES",
    "PRESETS",
    "PolicySpec",
    "BasePolicy",
    "EpsilonGreedy",
    "EqualSplit",
    "LinUCB",
    "LinUCBDisjoint",
    "SingleArm",
    "StaticQuota",
    "Uniform",
    "VowpalWabbit",
    "credit",
    "joint_features",
    "joint_names",
    "load",
    "policy_spec",
    "save",
    "warm_up",
]
