"""What obp says of logs given as .npz: runs in obp's own environment, without ltrr.

``obp_side.py points OUT SPEC… -- LOG…`` writes an estimate a log and spec; ``obp_side.py speed OUT LOG
SAMPLES`` writes CPU-seconds of four point estimates on a log, and with so many bootstrap samples.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time

import numpy as np
import obp
from obp import ope

KINDS = {
    "replay": lambda _: ope.ReplayMethod(),
    "ips": lambda _: ope.InverseProbabilityWeighting(),
    "snips": lambda _: ope.SelfNormalizedInverseProbabilityWeighting(),
    "clipped-ips": lambda v: ope.InverseProbabilityWeighting(lambda_=v),
    "dm": lambda _: ope.DirectMethod(),
    "dr": lambda _: ope.DoublyRobust(),
    "sndr": lambda _: ope.SelfNormalizedDoublyRobust(),
    "switch-dr": lambda v: ope.SwitchDoublyRobust(lambda_=v),
    "dr-os": lambda v: ope.DoublyRobustWithShrinkage(lambda_=v),
    "sub-gaussian": lambda v: ope.SubGaussianInverseProbabilityWeighting(lambda_=v),
    "sub-gaussian-dr": lambda v: ope.SubGaussianDoublyRobust(lambda_=v),
    "balanced-ips": lambda _: ope.BalancedInverseProbabilityWeighting(),
}


def point(spec: str, log: dict[str, np.ndarray]) -> float:
    """Return one estimate."""
    name, _, value = spec.partition(":")
    estimator = KINDS[name](float(value) if value else None)
    columns = {key: log[key] for key in ("reward", "action", "position")}
    columns["action_dist"] = log["greedy" if name == "replay" else "target"]
    if name not in ("replay", "dm", "balanced-ips"):
        columns["pscore"] = log["pscore"]
    if name in ("dm", "dr", "sndr", "switch-dr", "dr-os", "sub-gaussian-dr"):
        columns["estimated_rewards_by_reg_model"] = log["predicted"]
    if name == "balanced-ips":
        columns["estimated_importance_weights"] = log["ratio"]
    return float(estimator.estimate_policy_value(**columns))


def points(out: str, specs: list[str], logs: list[str]) -> None:
    """Write the estimates of all logs."""
    values = np.empty((len(logs), len(specs)))
    for i, path in enumerate(logs):
        with np.load(path, allow_pickle=False) as file:
            log = dict(file)
        values[i] = [point(spec, log) for spec in specs]
    np.savez(out, values=values, version=obp.__version__)


def speed(out: str, path: str, samples: int) -> None:
    """Write CPU-seconds of IPS, SNIPS, DR and SWITCH on a log, all four together."""
    with np.load(path, allow_pickle=False) as log:
        columns = {key: log[key] for key in ("reward", "action", "pscore")}
        columns["action_dist"] = log["target"][:, :, None]
        columns["estimated_rewards_by_reg_model"] = log["predicted"][:, :, None]
    columns["position"] = np.zeros(len(columns["reward"]), np.int64)
    estimators = [
        ope.InverseProbabilityWeighting(),
        ope.SelfNormalizedInverseProbabilityWeighting(),
        ope.DoublyRobust(),
        ope.SwitchDoublyRobust(lambda_=2.0),
    ]
    seconds = []
    for _ in range(3):
        start = time.process_time()
        for estimator in estimators:
            estimator.estimate_policy_value(**columns)
        seconds.append(time.process_time() - start)
    values = [estimator.estimate_policy_value(**columns) for estimator in estimators]
    start = time.process_time()
    for estimator in estimators:
        estimator.estimate_interval(**columns, n_bootstrap_samples=samples, random_state=0)
    bootstrap = time.process_time() - start
    np.savez(out, values=values, points=min(seconds), bootstrap=bootstrap, version=obp.__version__)


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "points":
        cut = rest.index("--")
        points(where, rest[:cut], rest[cut + 1 :])
    else:
        speed(where, rest[0], int(rest[1]))
