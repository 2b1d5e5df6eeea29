"""The terms that pages use, each explained in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["GLOSSARY"]

GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "95 % interval": (
            "A range computed so that it contains the true value in 95 of 100 repetitions. Over seeds it "
            "shows how much a mean would change with other random numbers."
        ),
        "allocation": (
            "A way to divide the slots of a request among the arms, for instance 2 bm25 + 1 memory. In "
            "the action space of that name a policy chooses the whole quota at once."
        ),
        "arm": (
            "A retrieval strategy, such as BM25, dense vectors, a memory of clicks or popularity. Given a "
            "request and a depth it returns a list of candidates."
        ),
        "audit slot": (
            "A slot that is filled at random instead of by the policy, so that the log and the learners "
            "also see what the policy would not choose."
        ),
        "best in class": (
            "The best policy of a learner's own form, here linear, fitted in hindsight with full "
            "information on the logged context. It is what such a learner must approach."
        ),
        "best static allocation": (
            "The fixed allocation that earns the most when every request gets the same quota. All quotas "
            "that differ in what they deliver are tried on separate tuning seeds, each on its own run."
        ),
        "budget": "The number of candidates that a request may draw in all: slots times candidates a slot.",
        "candidate": "An item that an arm returned for a request. Only candidates can be ranked and shown.",
        "credit": (
            "The part of a page's reward that a learner assigns to a slot, computed from clicks and from "
            "which slots drew the clicked items."
        ),
        "cross-fitting": (
            "Predicting each row by a model that was trained without it, so that the errors of the model "
            "do not depend on the outcome they are compared with."
        ),
        "effective topics": (
            "How many topics of equal traffic would be as varied as those that are asked: 1 / Σ p² over the "
            "topics' shares. A mean rests on this many topics, however many requests there are."
        ),
        "ESS": (
            "Effective sample size: the number of equally weighted rows that would carry as much "
            "information as the weighted rows of a log. A small value means that few rows decide the "
            "estimate."
        ),
        "exploration loss": "The reward lost because some places of the page are explored.",
        "explored place": (
            "A place of the page that shows a random candidate in place of one of the best, so that clicks "
            "also say something about items that the ranker would not show. Its probability is logged."
        ),
        "fallback arm": "An arm that fills up what another arm could not deliver.",
        "first-time query": (
            "A query whose text was not asked in an earlier batch of the same run, so that nothing was "
            "learned about it."
        ),
        "head, torso, tail": (
            "Topics by falling share of the stream's traffic. Each of the three has about a third of the "
            "requests."
        ),
        "held-out query": (
            "A query on a topic that the stream never asks. After a run the policy, the memory and the "
            "ranker are frozen and judged on such queries."
        ),
        "Holm": (
            "A correction for many comparisons: it keeps the chance that any of the reported differences "
            "is due to chance below 5 %."
        ),
        "ideal page": (
            "The best items of the whole catalogue in the best order. No system can show it for every "
            "request, so it bounds what can be earned."
        ),
        "interval over seeds and topics": (
            "A 95 % interval that also counts which topics happened to be drawn. It says how far a mean "
            "could differ on other topics of the same kind; an interval over seeds is about these topics "
            "alone."
        ),
        "learnable gap": (
            "The part of the oracle's lead over the best static allocation that a supervised router with "
            "full information on the context closes on topics it has not seen."
        ),
        "learner": "A policy that changes with the feedback it receives.",
        "MRR": (
            "Mean reciprocal rank: the mean of 1 / (place of the first relevant item), 0 where the page "
            "has none."
        ),
        "nDCG": (
            "Normalised discounted cumulative gain: how close the order of a page is to the ideal order, "
            "between 0 and 1. Relevant items count less the lower they are."
        ),
        "oracle gap closed": (
            "(policy − best static allocation) / (per-request oracle − best static allocation): 0 % is no "
            "better than the best fixed choice, 100 % is the oracle."
        ),
        "own candidates": (
            "The share of a policy's candidates that came from the arms it chose. The rest was filled up "
            "by fallback arms, so a low share means that another arm did the work."
        ),
        "page": "The top items of the ranked union, as shown to the user.",
        "paired difference": (
            "The difference between two policies on the same seeds, requests and user behaviour. What "
            "both share cancels, so its interval is narrower than those of the two means suggest."
        ),
        "per-request oracle": (
            "The best quota of each request, chosen with knowledge of the true relevance on the policy's "
            "own state. No policy can know it; it bounds what the choice of arms can earn."
        ),
        "policy": (
            "A rule that states, for each request, the probability of each choice of arms. The loop then "
            "draws the choice."
        ),
        "propensity": (
            "The probability with which the logging policy chose what it chose. It is needed to estimate "
            "from a log what another policy would have earned."
        ),
        "query-blind arm": (
            "An arm that returns the same items whatever is asked, such as popularity. Where it earns as "
            "much as the best static allocation, a study says little about retrieval."
        ),
        "quota": "The number of slots that each arm gets in a request.",
        "ranker": "The model that orders the candidates of all arms. It is trained on logged clicks.",
        "ranking loss": (
            "The reward lost because the page does not show the best items of the union in the best order."
        ),
        "recall at the budget": (
            "The share of a query's relevant items that are among its candidates, before ranking."
        ),
        "regret": (
            "The reward of a comparator minus that of the policy, summed over requests. The comparator is "
            "named; usually it is the best static allocation, and a negative regret means better than it."
        ),
        "repeated query": (
            "A query whose text was asked in an earlier batch of the same run, also called seen. Memory "
            "and ranker may have learned from it."
        ),
        "request": "One query of one user at one time, which is answered by one page.",
        "reserved query": (
            "A held-out query on one of the topics, about a tenth of all, that are held out in every seed "
            "and never used in tuning. Other held-out topics are drawn for each seed."
        ),
        "retrieval loss": "The reward lost because the union does not contain the best items.",
        "reward": (
            "What a page earns. Expected: averaged over all that the simulated user might do, computed "
            "from the true relevance. Net of costs: minus the costs of called arms and retrieved "
            "candidates."
        ),
        "sampling noise": (
            "The expected reward minus the sampled reward of a request: the luck of the single user, zero "
            "on average."
        ),
        "satisfied click": (
            "A click on an item that satisfies the user. By default a page with at least one earns a "
            "reward of 1."
        ),
        "seed": (
            "A number that fixes all random draws. A study runs every policy on several seeds, and means "
            "and intervals are taken over them."
        ),
        "shadow retrieval": (
            "Retrieving and logging what all arms would have returned, also those that were not chosen. "
            "The log then determines the page of every other quota."
        ),
        "slab": (
            "The next block of candidates of an arm: with slabs of 20, ranks 1 to 20 for its first slot, 21 "
            "to 40 for its second."
        ),
        "slab size": (
            "The most candidates that one slot asks of an arm. Where it is below the slot's size, fallback "
            "arms fill the rest of the slot, so that the budget stays the same."
        ),
        "slot": "One of the equal parts of the budget; each is given to one arm.",
        "spill": (
            "Candidates that a fallback arm delivered because the chosen arm returned too few. They count as "
            "drawn by the slot that they fill, which gets the credit for them."
        ),
        "union": "The distinct candidates of all arms of a request, each with the arms that drew it.",
        "verdict": (
            "Whether a log can answer the question: supported, weak, or cannot answer, in which "
            "case no number is given."
        ),
        "warm-up": (
            "The first requests of a run, decided uniformly at random. All components learn from them, "
            "and no mean, difference or regret counts them."
        ),
        "weight": (
            "The target policy's probability of the logged choice divided by the logging policy's. Rows "
            "that the target would choose more often count more."
        ),
    }
)
"""Term to explanation, in alphabetical order; asterisks mark emphasis."""
