"""Slow twins of intervals: one loop a formula."""

import math

import numpy as np
from scipy import stats


def resampled(draws, rows, of_rows):
    """Return the estimate in each resample; draws (n, B) are the times that each row counts."""
    out = []
    for b in range(draws.shape[1]):
        total = [0.0] * rows.shape[1]
        for i in range(len(rows)):
            for c in range(rows.shape[1]):
                total[c] += int(draws[i, b]) * rows[i, c]
        out.append(float(of_rows(np.array(total) / len(rows))))
    return out


def philox(key, counter):
    """Return the four outputs of Philox 4x64-10, in Python's integers."""
    mask = 2**64 - 1
    x, (a, b) = [counter[0], counter[1], 0, 0], key
    for _ in range(10):
        p, q = x[0] * 0xD2E7470EE14C6C93, x[2] * 0xCA5A826395121157
        x = [(q >> 64) ^ x[1] ^ a, q & mask, (p >> 64) ^ x[3] ^ b, p & mask]
        a, b = (a + 0x9E3779B97F4A7C15) & mask, (b + 0xBB67AE8584CAA73B) & mask
    return x


def poisson_weight(key, event, resample, cumulative):
    """Return how often an event counts in a resample: 16 bits of the right output of the right call."""
    block, place = divmod(resample, 256)
    word, piece = divmod(place, 4)
    output, call = divmod(word, 16)
    bits = philox(key, (event, 16 * block + call))[output] >> (16 * piece) & 0xFFFF
    return sum(bits >= c for c in cumulative)


def bernstein(values, low, high, level):
    """Return Maurer and Pontil's interval, the variance from all pairs as they write it."""
    n = len(values)
    variance = sum((values[i] - values[j]) ** 2 for i in range(n) for j in range(i)) / (n * (n - 1))
    log = math.log(2.0 / ((1.0 - level) / 2.0))
    half = math.sqrt(2.0 * variance * log / n) + 7.0 * (high - low) * log / (3.0 * (n - 1))
    mean = sum(values) / n
    return mean - half, mean + half


def log_capital(values, mean, prior_mean, prior_variance):
    """Return the log of what a bettor owns who stakes on the mean being larger, after each value."""
    out, total = [], 0.0
    sums, squares = prior_mean, prior_variance
    for i, x in enumerate(values):
        t = i + 1
        stake = math.sqrt(2.0 * math.log(2.0 / 0.05) / (squares / t * t * math.log(1.0 + t)))
        stake = min(stake, 0.5 / mean)
        total += math.log(1.0 + stake * (x - mean))
        out.append(total)
        sums += x
        squares += (x - sums / (t + 1)) ** 2
    return out


def two_way(sums, counts, seeds, topics, level):
    """Return mean and ends over seeds and topics, resample by resample; draws are (n_resamples, S or T)."""
    n_seeds, n_topics = len(sums), len(sums[0])
    total = sum(counts[s][t] for s in range(n_seeds) for t in range(n_topics))
    mean = sum(sums[s][t] for s in range(n_seeds) for t in range(n_topics)) / total
    means = []
    for drawn_seeds, drawn_topics in zip(seeds, topics, strict=True):
        top = bottom = 0.0
        for s in range(n_seeds):
            for t in range(n_topics):
                top += drawn_seeds[s] * drawn_topics[t] * sums[s][t]
                bottom += drawn_seeds[s] * drawn_topics[t] * counts[s][t]
        means.append(top / bottom if bottom else mean)
    error = [[(sums[s][t] - mean * counts[s][t]) / total for t in range(n_topics)] for s in range(n_seeds)]
    of_seeds = sum(sum(row) ** 2 for row in error)
    of_topics = sum(sum(row[t] for row in error) ** 2 for t in range(n_topics))
    of_cells = sum(e**2 for row in error for e in row)
    share = [sum(counts[s][t] for s in range(n_seeds)) / total for t in range(n_topics)]
    effective = 1.0 / sum(p**2 for p in share)
    by_seed = of_seeds * n_seeds / (n_seeds - 1)
    by_topic = of_topics * effective / (effective - 1)
    centre = sum(means) / len(means)
    drawn = sum((m - centre) ** 2 for m in means) / len(means)
    drawn = drawn * (by_seed + by_topic) / (of_seeds + of_topics) - 2 * of_cells
    half = stats.t.ppf(0.5 + level / 2, min(n_seeds, effective) - 1) * math.sqrt(
        max(drawn, by_seed, by_topic)
    )
    return mean, mean - half, mean + half
