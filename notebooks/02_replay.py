# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a raw log to a decision
#
# A shop shows one of five banners on its home page. A hand-made rule picks it, with some chance in it, and every visit
# is logged. Would another rule earn more clicks? An A/B test takes weeks; the log is there today. This notebook takes
# such a log as it comes, with its faults, and goes all the way to a decision. It takes about a minute.
#
# The log is simulated, so that the truth can be looked up **at the very end**. Until then nothing but the CSV is used.

# %%
# %matplotlib inline
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display as show

from ltrr import replay, simulate

place = tempfile.TemporaryDirectory()
folder = Path(place.name)
BANNERS = ("club", "gift", "new", "outlet", "shoes")


def click_rate(mobile, member, hour):
    """Return the true probability of a click on each banner, one row a visit: what no log tells."""
    evening = np.exp(-(((hour - 20.0) / 4.0) ** 2))
    return np.column_stack(
        [
            0.02 + 0.10 * member,
            0.04 + 0.10 * evening * (1 - mobile),
            0.04 + 0.07 * member * (1 - mobile),
            0.03 + 0.07 * mobile,
            0.05 + 0.02 * evening,
        ]
    )


def shop_rule(mobile, member, hour):
    """Return the probability of each banner under the shop's rule; "club" had a soft launch, 1 visit in 4,000."""
    score = np.column_stack(
        [np.full(len(hour), -9.0), 0.5 + 0.0 * hour, 1.0 * member, 0.4 * (1 - mobile), 1.2 * (hour < 12)]
    )
    choice = np.exp(score)
    choice[:, 0] = 0.0
    rest = 0.85 * choice / choice.sum(axis=1, keepdims=True) + 0.15 / 4 * (score > -9.0)
    return np.where(score > -9.0, rest * (1 - 1 / 4000), 1 / 4000)


# %% [markdown]
# ## Look
#
# 40,000 visits in thirty days. The tracker has the usual weaknesses.

# %%
rng = np.random.default_rng(11)
n = 40_000
day_hours = 1.0 + np.exp(-(((np.arange(24) - 20.0) / 5.0) ** 2))
mobile, member = (rng.random(n) < 0.6).astype(int), (rng.random(n) < 0.3).astype(int)
seconds = np.sort(rng.integers(0, 30, n) * 86_400 + rng.choice(24, n, p=day_hours / day_hours.sum()) * 3_600)
hour = seconds // 3_600 % 24
p = shop_rule(mobile, member, hour)
banner = (p.cumsum(axis=1) <= rng.random(n)[:, None]).sum(axis=1)
clicked = rng.random(n) < click_rate(mobile, member, hour)[np.arange(n), banner]

raw = pd.DataFrame(
    {
        "visit": [f"v{i:05d}" for i in range(n)],
        "at": pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
        "device": np.where(mobile == 1, "mobile", "desktop"),
        "member": member,
        "hour": hour,
        "banner": np.array(BANNERS)[banner],
        "prob": p[np.arange(n), banner].round(6),
        "clicked": clicked.astype(float),
    }
)
more = np.random.default_rng(12)
raw["customer"] = more.integers(0, 9_000, n)
raw["sales"] = (clicked * more.gamma(2.0, 12.0, n) * np.where(raw.banner == "outlet", 0.7, 1.0)).round(2)
raw["closed"] = (more.random(n) < 0.02).astype(float)  # the banner was closed at once
old_app = raw.index[(raw.device == "mobile") & raw["at"].between("2024-03-12 18:00", "2024-03-12 22:00")]
raw.loc[old_app, "prob"] *= 100.0  # an old version of the app logged per cent
raw.loc[rng.choice(n, 60, replace=False), "prob"] = np.nan
raw.loc[rng.choice(n, 25, replace=False), "prob"] = 0.0
raw.loc[rng.choice(n, 15, replace=False), "clicked"] = np.nan
raw = pd.concat([raw, raw.iloc[rng.choice(n, 40, replace=False)]])  # sent twice
raw.sort_values("at", kind="stable").to_csv(folder / "banners.csv", index=False)

raw = pd.read_csv(folder / "banners.csv")
raw.head()

# %% [markdown]
# ## Name the columns
#
# Nobody's columns are called as a program expects, so they are named once. The context is all that a policy may see.

# %%
columns = {
    "reward": "clicked",
    "action": "banner",
    "propensity": "prob",
    "timestamp": "at",
    "event": "visit",
    "context": ["device", "member", "hour"],
}
log = replay.read(folder / "banners.csv", columns=columns, on_error="report")
print(replay.validate(log).text())

# %% [markdown]
# Each fault comes with its number of rows and the first of them. With `on_error="fail"`, the default, nothing would be
# computed at all. To leave faulty rows out is safe where the fault has nothing to do with what was clicked, which is
# ours to decide. So where are they?

# %%
faults = pd.DataFrame([(f.row, f.kind) for f in log.faults.kept if f.row], columns=["row", "fault"])
bad = raw.iloc[faults.row - 1].assign(fault=faults.fault.to_numpy())
bad.groupby("fault").agg(
    rows=("visit", "size"),
    days=("at", lambda at: at.str[:10].nunique()),
    first=("at", "min"),
    devices=("device", lambda d: ", ".join(sorted(d.unique()))),
    prob_max=("prob", "max"),
)

# %% [markdown]
# Probabilities above 1 stem from mobile devices on a single evening: an app that logged per cent. From such an app a
# probability below 1 % would look right and be a hundred times too large, so the app's whole evening is dropped, clicks
# or no clicks. The other faults are scattered over the month. They are skipped, and the count stays in every result.

# %%
evening = (raw.device == "mobile") & raw["at"].between("2024-03-12 18:00", "2024-03-12 22:00:01")
raw[~evening].to_csv(folder / "cleaned.csv", index=False)
log = replay.read(folder / "cleaned.csv", columns=columns, on_error="skip")
print(
    f"{evening.sum()} rows of that evening dropped, of which {(raw[evening].prob > 1).sum()} show the fault"
)

# %% [markdown]
# ## Candidates
#
# Marketing has a rule of its own. Anything with a method `probabilities(events)` is a policy: it returns one number an
# eligible action, row by row.


# %%
class Marketing:
    """New arrivals for members, outlet for others on mobiles, gifts for others on desktops."""

    def probabilities(self, events):
        see = pd.DataFrame(events.context, columns=events.space.context_names)
        others = np.where(see["device:mobile"] == 1, "outlet", "gift")
        banner = np.where(see["member"] == 1, "new", others)
        return (np.array(events.space.actions) == banner[:, None]).astype(float).reshape(-1)


print("context:", *log.space.context_names, "| banners:", *log.space.actions)

# %% [markdown]
# Before any value is looked at, diagnostics say what each candidate asks of the log. A weight is how much likelier the
# candidate was to show the logged banner than the shop's rule was.

# %%
found = replay.run(log, [Marketing(), "always:outlet", "always:club", "uniform"])
wanted = ["n", "ess", "max_weight", "max_weight_share", "zero_weight_share", "mean_weight"]
found.diagnostics.pivot(index="diagnostic", columns="policy", values="value").loc[wanted].round(3)

# %%
show(found.plot_weights().figure)

# %% [markdown]
# The effective sample size (`ess`) tells how many rows of the policy's own log this log is worth. What follows from it
# is said in a verdict: *supported*, *weak* or *cannot answer*, with the most serious reason.

# %%
verdicts = found.table[found.table.estimator != "on-policy"]
verdicts = verdicts.groupby(["policy", "verdict", "reason"], sort=False).estimator.unique().str.join(", ")
with pd.option_context("display.max_colwidth", None):
    show(verdicts.reset_index())

# %% [markdown]
# `always:club` gets no number: the shop's rule showed "club" in a soft launch, to one visit in 4,000, and an interval
# from a handful of visits would be fiction. `uniform` shows it to one visit in five and hangs on the same handful. The
# remedy is not statistics but exploration: show "club" more often, at random, and log it.
#
# Until then "club" has to leave the question. Among the visits that saw another banner, the probabilities are those given
# that "club" was not shown.

# %%
four = raw[~evening & (raw.banner != "club")]
four.assign(prob=four.prob / (1 - 1 / 4000)).to_csv(folder / "four.csv", index=False)
log = replay.read(folder / "four.csv", columns=columns, on_error="skip")

# %% [markdown]
# ## Learn a policy from the log
#
# The log can teach a policy, too. To judge it on the rows it learned from would flatter it, so it learns from the first
# half and is judged, like the others, on the second. `method="dr"` fits a regression (LightGBM) to doubly robust
# scores of every banner for every visit, and shows its favourite.

# %%
early, late = replay.split(log, 0.5)
learned = replay.learn_policy(early, method="dr", seed=1)
found = replay.run(
    late, [Marketing(), learned, "always:outlet", "uniform"], intervals=["asymptotic", "bootstrap"]
)
found.table[["policy", "estimator", "value", "low", "high", "interval", "ess", "verdict"]].round(4)

# %%
show(found.plot_forest().figure)

# %% [markdown]
# Three estimators, two kinds of interval. IPS weights rewards; SNIPS divides by the weights as well; DR leans on a model
# of clicks (ridge regression, unless `reward_model` says otherwise) and corrects it by weights, so that it is right where either of the two is. That they agree is a good sign.
# The dotted line is what the shop's rule earned on the same visits.
#
# ## Decide
#
# What counts is the difference on the same visits, in which much of the noise cancels.

# %%
differences = found.differences
dr = differences[(differences.estimator == "dr") & (differences.interval == "bootstrap")]
dr[["policy", "against", "difference", "low", "high", "verdict"]].round(4)

# %% [markdown]
# Every interval against `as logged` is clear of 0, and the learned policy is clear of Marketing's rule, too: it goes
# online, with a share of visits at random so that the next log can answer questions again. Had its interval held 0,
# the log would have had no opinion. `rows_needed` tells how many rows of this kind would narrow an estimate to a tenth of
# its value either way.

# %%
best = found.table[(found.table.estimator == "dr") & (found.table.interval == "asymptotic")]
best[["policy", "n", "rows_needed"]].round(0)

# %% [markdown]
# ## Ask more of the same log
#
# More clicks are not all that matters. `metrics` adds further rewards and ratios, `guardrails` says by how much a change may
# hurt, and `cluster` names the rows that may depend on one another: those of a customer. All come from one pass.

# %%
asked = replay.run(
    late,
    [Marketing(), learned],
    estimators=["dr"],
    metrics=["sales", "sales_per_click=sales/reward"],
    guardrails=["closed < 0.005", "sales > -2%"],
    by="device",
    cluster="customer",
)
whole = asked.table[asked.table.segment == ""]
whole[["policy", "metric", "value", "low", "high", "clusters", "verdict"]].round(4)

# %% [markdown]
# A click on "outlet" sells less, and both policies show "outlet" often: sales per click fall, though sales rise. A guardrail *holds*
# where the whole interval of the change is on the right side of its bound, and is *not shown* where the bound is inside. Where
# the bound is in per cent, so is the change: a share of the value as logged.

# %%
asked.guardrails[["policy", "bound", "difference", "low", "high", "outcome"]].round(4)

# %% [markdown]
# That the learned policy does not annoy is not shown: its interval just reaches the bound. So closed banners are watched when it
# goes online.
#
# By device: each segment is judged as the whole log is. `p_adjusted` is corrected by Holm's procedure for all segments and policies.

# %%
parts = asked.differences.query("segment != '' and metric == 'reward' and against == 'as logged'")
parts[["policy", "segment", "difference", "low", "high", "p_adjusted", "verdict"]].round(4)

# %% [markdown]
# ## The truth
#
# This shop was a simulation, so the candidates' true click rates can be computed exactly: over every combination of
# device, member and hour, with its probability.

# %%
chunk = next(iter(late.chunks()))
cells = pd.DataFrame(chunk.context, columns=chunk.space.context_names).drop_duplicates()
visits = chunk.take(cells.index.to_numpy())
seen = [cells[name].to_numpy() for name in ("device:mobile", "member", "hour")]
chance = (
    np.where(seen[0] == 1, 0.6, 0.4)
    * np.where(seen[1] == 1, 0.3, 0.7)
    * (day_hours / day_hours.sum())[seen[2].astype(int)]
)
rates = click_rate(*seen)[:, 1:]  # without "club"


def true_value(probabilities):
    return float(chance @ (probabilities.reshape(rates.shape) * rates).sum(axis=1))


rule = shop_rule(*seen)[:, 1:] / (1 - 1 / 4000)
truth = {
    "as logged": true_value(rule),
    "Marketing": true_value(Marketing().probabilities(visits)),
    "learned:dr": true_value(learned.probabilities(visits)),
    "always:outlet": true_value(np.tile([0.0, 0.0, 1.0, 0.0], len(cells))),
    "uniform": float(chance @ rates.mean(axis=1)),
}
reported = found.table.assign(truth=found.table.policy.map(truth))
reported["held"] = (reported.low <= reported.truth) & (reported.truth <= reported.high)
print(
    f"{len(cells)} combinations, probability {chance.sum():.6f}; {reported.held.sum()} of {len(reported)} intervals held"
)
reported[["policy", "estimator", "interval", "value", "low", "high", "truth", "held"]].round(4)

# %% [markdown]
# The order of the candidates was right, and the intervals held. They stem from the same rows, so that they hold or miss
# together: one log is no proof of coverage, which takes many (`benchmarks/coverage.py`).
#
# ## A public log
#
# Open Bandit Data is recognised by its columns. Two policies served a fashion shop at the same time, one of them at random.
# So what the log of the first says about a random policy can be checked with the log of the second. (Get the data from
# its publisher, and set `LTRR_DATA` to the folder that holds `obd`.)

# %%
places = [os.environ.get("LTRR_DATA"), "../shared/data", "../../shared/data"]
obd = next((Path(place) / "obd" for place in places if place and (Path(place) / "obd").is_dir()), None)
if obd is None:
    print("Open Bandit Data is not here: this part is left out.")
else:
    reported = replay.evaluate(obd / "bts" / "men" / "men.csv", "uniform")
    random = replay.evaluate(obd / "random" / "men" / "men.csv", "uniform", estimators=["ips"]).head(1)
    both = pd.concat([reported.assign(log="first"), random.assign(log="at random")])
    show(both[["log", "policy", "estimator", "value", "low", "high", "ess", "verdict"]].round(5))

# %% [markdown]
# The estimate is *weak*, says the verdict, because 10,000 rows are worth 656. The intervals of the two logs overlap, which
# is all that 69 and 46 clicks can show.
#
# ## Logs of this package
#
# In a search, what an arm's candidates earn depends on the ranker and the page behind them. Logs of this package hold
# candidates and their scores, so another *allocation* of slots to arms can be judged. With `log_shadow` all arms are asked
# for the log alone, and the page that another allocation would have shown is known.
#
# Here the log of a policy that allocates at random is asked about two slots for `bm25` and one for `dense`, and the same
# allocation is run for real beside it.

# %%
(folder / "shadow.toml").write_text(
    """
name = "shadow"
question = "What would two slots for bm25 and one for dense earn?"
seeds = 1
rounds = 4000

[world]
kind = "music"
n_items = 2000
n_queries = 800

[loop]
log_shadow = true
held_out = 50
oracle_every = 500

[[policies]]
name = "random"

[[policies]]
name = "two-one"
kind = "static"
quota = [2, 1, 0, 0]
""",
    encoding="utf-8",
)
result = simulate(study=folder / "shadow.toml", out=folder / "run")
own = replay.read(folder / "run", policy="random")
judged = replay.run(own, policies=["quota:2 bm25 + 1 dense"])
judged.table[["policy", "estimator", "value", "low", "high", "ess", "verdict"]].round(3)

# %%
result.table(["reward"]).round(3)

# %% [markdown]
# Estimates by sequence or quota use the requests that happened to get this allocation. Those by page use every request
# whose page would have been the same or could have come about, which is why they know more from the same log. The policy
# that was run for real earned what `reward` says.
#
# ## Next
#
# `ltrr validate LOG` and `ltrr replay LOG --policy ...` do all of this from the command line, and write tables, figures and
# `report.html`; `docs/replay.md` has each question as a command and as a call. `ltrr list targets`, `estimators` and `intervals` say what there is.
