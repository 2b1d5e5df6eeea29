"""Slow, obvious twins of the slate estimators: a slate is a list of (weight, reward, q logged, q target)."""


def product(weights):
    out = 1.0
    for w in weights:
        out *= w
    return out


def mean(values, counts):
    return sum(c * v for c, v in zip(counts, values, strict=True)) / sum(counts)


def slate_ips(slates, counts):
    return mean([product(w for w, *_ in s) * sum(r for _, r, *_ in s) for s in slates], counts)


def slate_snips(slates, counts):
    return slate_ips(slates, counts) / mean([product(w for w, *_ in s) for s in slates], counts)


def independent_ips(slates, counts):
    return mean([sum(w * r for w, r, *_ in s) for s in slates], counts)


def pi(slates, counts):
    return mean([(1 + sum(w - 1 for w, *_ in s)) * sum(r for _, r, *_ in s) for s in slates], counts)


def up_to(slate, k):
    """Product of the weights of the first k slots."""
    return product(w for w, *_ in slate[:k])


def rips(slates, counts):
    return mean([sum(up_to(s, k + 1) * s[k][1] for k in range(len(s))) for s in slates], counts)


def sn_rips(slates, counts):
    total = 0.0
    for k in range(max(len(s) for s in slates)):
        there = [(s, c) for s, c in zip(slates, counts, strict=True) if len(s) > k]
        top = sum(c * up_to(s, k + 1) * s[k][1] for s, c in there)
        bottom = sum(c * up_to(s, k + 1) for s, c in there)
        total += sum(c for _, c in there) / sum(counts) * top / bottom
    return total


def cascade_dr(slates, counts):
    """By the recursion of the doubly robust estimator, from the last slot back."""
    values = []
    for slate in slates:
        after = 0.0
        for w, r, q_logged, q_target in reversed(slate):
            after = q_target + w * (r + after - q_logged)
        values.append(after)
    return mean(values, counts)


def rewards_to_go(slate):
    out = []
    for k in range(len(slate)):
        out.append(
            sum(product(w for w, *_ in slate[k + 1 : j + 1]) * slate[j][1] for j in range(k, len(slate)))
        )
    return out
