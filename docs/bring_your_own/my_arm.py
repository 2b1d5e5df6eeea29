"""Your own arm: items whose title begins with the query's first word."""

import numpy as np

from ltrr.retrieval import Arm
from ltrr.types import Candidates


class Prefix(Arm):
    """Finds titles that begin with the first word of the query, the shortest first."""

    def index(self, catalogue):
        self.first = {}  # the first word of a title, and the living items that have it
        titles = [title.lower().split() for title in next(iter(catalogue.fields.values()))]
        for item in sorted(range(len(titles)), key=lambda i: (len(titles[i]), i)):
            if titles[item] and catalogue.alive[item]:
                self.first.setdefault(titles[item][0], []).append(item)

    def retrieve(self, requests, depth):
        words = [text.lower().split()[:1] for text in requests.texts()]
        return Candidates.from_lists([self.first.get("".join(w), []) for w in words], depth=depth)

    def features(self, requests, items):  # optional: what the ranker may see of the arm
        words = [text.lower().split()[:1] for text in requests.texts()]
        hit = [
            items.item[at] in self.first.get("".join(words[b]), [])
            for b in range(len(requests))
            for at in range(items.indptr[b], items.indptr[b + 1])
        ]
        return ["begins"], np.array(hit, np.float32).reshape(-1, 1)
