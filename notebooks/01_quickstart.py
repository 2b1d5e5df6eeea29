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
# # Which arms should a search draw its candidates from?
#
# A music search can find candidates in four ways (*arms*): by words (`bm25`), by meaning (`dense`), by what people
# clicked when they asked the same thing before (`memory`), and by what everybody plays (`popular`). A learned ranker
# then orders what was found. It can only order what is there, and the budget is small: three slots of 20 candidates.
#
# Is it worth letting a contextual bandit divide the budget request by request, or does one good fixed division do?
# This notebook asks that in a small synthetic world. It takes a few minutes; a bar shows how far it is.

# %%
# %matplotlib inline
import tempfile

import numpy as np
from IPython.display import display as show

import ltrr

world = ltrr.worlds.Music(n_items=5_000, seed=7)
print(f"{len(world.catalogue):,} items, {len(world.queries):,} texts that may be asked, such as:")
print(*world.queries.text[:4], sep="\n")

# %% [markdown]
# ## Simulate
#
# Three policies: an even split of the budget, LinUCB, and Vowpal Wabbit with SquareCB. Each serves the same 2,000
# requests on each of five seeds, beginning with 300 requests at random from which all of them learn. The fixed division
# that they must beat is tuned first, on seeds of its own, and joins as `best-static`.

# %%
result = ltrr.simulate(world, policies=["equal", "linucb", "vw-squarecb"], rounds=2_000, seeds=5, jobs=2)

# %% [markdown]
# ## Ship it?
#
# The box answers for the policy with the highest reward: is it better than the best fixed division, by how much, on which
# queries, at what cost, and who cannot be told apart from it? Rewards are the expected share of requests with a
# satisfied click, computed from the world's truth and never from sampled clicks. Differences are paired by seed; their
# intervals are corrected by Holm, since many are looked at together.

# %%
result

# %% [markdown]
# *Repeated* and *first-time* tell requests apart whose text was, or was not, asked before; *held-out* is the frozen policy
# on needs that never occurred. *Own* is the share of the candidates that came from the arms that a policy chose: an arm
# that finds too little is filled up by the others, so a policy with few own candidates is not what its name says.

# %%
result.table(["reward", "difference", "repeated", "first-time", "held-out", "recall", "own", "calls"]).round(
    3
)

# %%
show(result.plot_differences().figure)

# %% [markdown]
# ## What the policies do
#
# The lead over the best fixed division, in windows after the random warm-up. A learner that becomes better than it rises
# above zero; here the bands of both learners contain zero. All policies serve the same requests, so what is easy or hard for
# all of them cancels.

# %%
show(result.plot_learning().figure)

# %% [markdown]
# All arms get the same share in the random warm-up. Then LinUCB tries what it is uncertain about, and settles; memory
# gets more as it fills up with clicks.

# %%
show(result.plot_slots("linucb").figure)

# %% [markdown]
# Calling more arms costs time and money. Whoever lies to the left of another and above is the better buy.

# %%
show(result.plot_cost().figure)

# %% [markdown]
# ## What is left to win
#
# Each policy's distance to the ideal page has two parts: what was not retrieved, and what was retrieved but not ranked
# where it belongs. A policy that allocates slots can only reduce the first, and only as far as some arm has the item.

# %%
show(result.plot_loss().figure)

# %% [markdown]
# How much of that could *any* policy win? An oracle that tries all 20 divisions for each request and sees their expected
# rewards is an upper bound, but part of its lead is luck that no context foretells. So a router is trained with
# full information, the expected reward of every division, and tested on topics that it was not trained on: the share of
# the oracle's lead that it closes is the *learnable gap*.

# %%
comparators = result.comparators()
rows = (comparators["set"] == "held-out") & (comparators.metric == "reward")
comparators[rows & ~comparators.comparator.str.startswith("oracle's")].round(3)

# %% [markdown]
# `static` is the best single division of these requests, `oracle` the best division of each, and `linear` and `trees`
# are routers that see what the policies see. With all answers at hand the better one closes about a quarter of the gap:
# the rest is out of reach for these features, so do not blame the bandit for it.
#
# ## The log
#
# Each run leaves four linked tables, with the probability of everything that was drawn.

# %%
log = result.log("linucb", seed=0)
decisions = log.decisions
decisions[["request", "slot", "action", "propensity", "audit", "version", "probabilities"]].iloc[
    [0, 1, 2, -3, -2, -1]
]

# %% [markdown]
# The first requests are the random warm-up (`version` −1, each arm with probability ¼), the last ones LinUCB's own
# choices: it is deterministic, so its propensities are 1, and its log cannot be reweighted to judge other policies. Ask
# for `vw-squarecb`, or set `audit`, where a log shall serve for that.

# %%
log.impressions[["request", "position", "item", "click", "satisfied"]].head(3)

# %% [markdown]
# One request in detail: which arms could be drawn in each slot and with which probability, and the page that came of it,
# with the arms that found each item. `ltrr explain RUN REQUEST` prints the same on a terminal, and the report has a dozen
# requests to look through.

# %%
explained = log.explain(int(log.requests.request.iloc[-1]))
slots = explained[explained.part == "slot"]
slots[["number", "name", "probability", "chosen"]].head(4)

# %%
places = explained[explained.part == "place"]
places[["number", "title", "arms", "spilled", "click", "satisfied"]].head(5)

# %% [markdown]
# ## Take a trained policy along
#
# A policy is saved as a folder of plain arrays and JSON. Read back, it is asked here about the logged requests, all with
# empty slots: where would it draw the first 20 candidates from?

# %%
with tempfile.TemporaryDirectory() as folder:
    result.policy("linucb").save(folder)
    policy = ltrr.load_policy(folder)

about, arms = log.about, log.about["arms"]
asked = log.requests
first = decisions[decisions.slot == 0]
n = len(asked)
requests = ltrr.types.Requests(
    asked.request,
    asked.session,
    asked.user,
    asked["query"],
    asked.time,
    np.stack(asked.context),
    tuple(about["context"]),
    world.queries,
)
actions = ltrr.types.ActionSet(
    np.arange(n + 1) * len(arms),
    np.concatenate(first.actions.to_numpy()),
    np.concatenate(first.features.to_numpy()).reshape(n * len(arms), -1),
    tuple(about["action_features"]["linucb"]),
    len(arms),
)
chosen = policy.probabilities(requests, actions, np.random.default_rng(0)).reshape(n, len(arms))
known = requests.context[:, about["context"].index("memory_items")] > 0
for name, some in (("memory knows the query", known), ("memory does not", ~known)):
    print(
        f"{name:24s}",
        *(f"{arm} {share:4.0%}  " for arm, share in zip(arms, chosen[some].mean(axis=0), strict=True)),
    )

# %% [markdown]
# ## Next
#
# `ltrr simulate` runs the default study, with seventeen policies, from the command line and writes all of this as
# `report.html`. `ltrr simulate --collection DIR` does it on your own documents, queries and judgements.
