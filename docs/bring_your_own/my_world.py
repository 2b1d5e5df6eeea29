"""A world of one's own from three tables: items, queries, judgements."""

from ltrr.worlds import Topics, TopicWorld

COLOURS = ["red", "blue", "green", "black", "white", "grey"]
THINGS = ["shoe", "hat", "coat", "scarf", "glove", "boot", "belt", "shirt"]


class Shop(TopicWorld):
    """Asks for a coloured thing; that thing has grade 2, the same thing in other colours grade 1."""

    def __init__(self, n_users=50):
        names = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
        items = {"item": names, "title": names, "text": [f"a {name} for winter" for name in names]}
        queries = {"query": names, "text": names}
        pairs = [(q, i) for q in names for i in names if q.split()[1] == i.split()[1]]
        judgements = {
            "query": [q for q, _ in pairs],
            "item": [i for _, i in pairs],
            "grade": [1 + (q == i) for q, i in pairs],
        }
        super().__init__(Topics.from_frames(items, queries, judgements), n_users=n_users)
