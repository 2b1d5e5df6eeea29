"""Small runs for tests that read a run's folder or log."""

from dataclasses import replace

import ltrr
from ltrr.bandits.spec import policy_spec

SEED, AUDIT, ROUNDS, WARM, SLAB = 11, 0.1, 180, 60, 6
POLICIES = ["equal", "linucb", "linucb-disjoint", "epsilon-greedy", "vw-epsilon", "rrf"]
LOOP = {
    "warmup": WARM,
    "feedback_every": 30,
    "checkpoint_every": 90,
    "audit": AUDIT,
    "slot_size": SLAB,
    "slab_size": {"memory": 4},
    "page_size": 5,
    "held_out": 20,
    "delay_seconds": 300.0,
    "attribution_seconds": 900.0,
}


def run_small(folder, policies, *, rounds, seeds=1, log_seeds=1, world=None, loop=None, **changes):
    """Run a study without the best static allocation: its tuning takes longer than all other cells."""
    base = ltrr.read_study("default")
    given = dict(loop or {})
    if "arms" in given:
        slabs = {a: n for a, n in (base.loop.slab_size or {}).items() if a in given["arms"]}
        given = {"slab_size": slabs} | given
    setting = replace(base.loop, **given)
    study = replace(
        base,
        world=world or ltrr.worlds.Music(n_items=300, n_queries=100, seed=2),
        policies=tuple(policy_spec(p, setting.arms) for p in policies),
        rounds=rounds,
        seeds=seeds,
        log_seeds=log_seeds,
        loop=setting,
        arms={name: arm for name, arm in base.arms.items() if name in setting.arms},
        **changes,
    )
    return ltrr.run_study(study, out=folder, quiet=True)
