"""Does a fixed quota beat the tuned one? ``python simulations/static_search.py RUN… [--seeds 8] [--jobs 2]``.

Each RUN is a finished run whose ``tuning.json`` names the tuned quota and the quotas that it was chosen from.
Those that were within ``--within`` of the best in the tuning's first rung, and the equal split, are run again
on seeds that neither the study nor its tuning has used, with common random numbers. The table shows the
difference to the tuned quota in reward, with its interval over seeds. The script fails if the interval of a
fixed quota is wholly above zero.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import ltrr
from ltrr.bandits.spec import PolicySpec, policy_spec
from ltrr.metrics.intervals import Interval, paired_difference
from ltrr.types.quotas import quota_name, quota_of


def policies(folder: Path, study: ltrr.Study, within: float) -> dict[str, PolicySpec]:
    """Return the policies to compare by what they are called, the tuned quota first."""
    found = json.loads((folder / "tuning.json").read_text(encoding="utf-8"))
    arms, slots = study.loop.arms, study.loop.n_slots
    tried = found["rungs"][0]["values"]
    near = [name for name, value in tried.items() if value >= max(tried.values()) - within]
    names = [quota_name(found["quota"], arms), *near]
    quotas = {name: quota_of(name, arms, slots).tolist() for name in names}
    table = {"kind": "static"}
    fixed = {
        name: policy_spec({"name": f"quota-{i}", **table, "quota": quota}, arms)
        for i, (name, quota) in enumerate(quotas.items())
    }
    return {**fixed, "equal split": policy_spec("equal", arms)}


def rewards(folder: Path, *, seeds: int, jobs: int, within: float) -> pd.DataFrame:
    """Return the reward of each policy (columns, the tuned quota first) on each fresh seed (rows)."""
    study = ltrr.read_study(folder / "study.toml")
    chosen = policies(folder, study, within)
    loop = replace(study.loop, held_out=0, oracle_every=study.rounds + 1)
    fresh = replace(
        study, seed=study.seed + 1, seeds=seeds, log_seeds=0, loop=loop, policies=tuple(chosen.values())
    )
    with tempfile.TemporaryDirectory() as place:
        result = ltrr.run_study(fresh, out=Path(place) / "run", jobs=jobs)
        frame = pd.read_csv(result.folder / "per_seed.csv")
    wide = frame[frame.metric == "reward"].pivot_table(index="seed", columns="policy", values="value")
    return pd.DataFrame({name: wide[spec.name] for name, spec in chosen.items()})


def differences(table: pd.DataFrame) -> dict[str, Interval]:
    """Return each policy's difference to the first one, the largest first."""
    best, *others = table.columns
    rng = np.random.default_rng(0)
    found = {
        name: paired_difference(table[name].to_numpy(), table[best].to_numpy(), rng=rng) for name in others
    }
    return dict(sorted(found.items(), key=lambda pair: -pair[1].mean))


def main() -> None:
    """Print a table a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--within", type=float, default=0.1, help="of the best in the first rung")
    asked = parser.parse_args()
    beaten = False
    for folder in asked.runs:
        table = rewards(folder, seeds=asked.seeds, jobs=asked.jobs, within=asked.within)
        best = table.columns[0]
        print(f"\n{folder}: tuned {best}, reward {table[best].mean():.3f} on {len(table)} fresh seeds\n")
        print("| policy | reward | difference to the tuned quota |\n|---|--:|--:|")
        for name, d in differences(table).items():
            print(f"| {name} | {table[name].mean():.3f} | {d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}] |")
            beaten |= d.low > 0.0 and name != "equal split"
    sys.exit(int(beaten))


if __name__ == "__main__":
    main()
