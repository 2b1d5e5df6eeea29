"""The base class for arms, which by default never learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ltrr.errors import InputError
from ltrr.protocols import State
from ltrr.types import Catalogue, Feedback, Int32

__all__ = ["Arm"]


class Arm:
    """Base of an arm that learns nothing; `index` and `retrieve` are left to write.

    An arm that learns sets ``static = False`` and overrides ``learn``, ``state`` and ``restore``. An arm that
    can score any pair may offer ``features(requests, items) -> (names, float32 (N, len(names)))``, which lets
    the ranker see it (`ltrr.ranking.RankFeatures`). An arm that knows how many items it has for a request
    without retrieving them may offer ``available(requests) -> int32 (B,)``, which lets a policy see how much
    of a slot the fallback will fill (`ltrr.features.Supply`). An arm that asks another, static one may offer
    ``keep_lists(queries)``, which a study calls once with all queries that it knows. ``index_state`` and
    ``restore_index`` let `ltrr.retrieval.save` write its index to disk.

    Attributes
    ----------
    static : bool
        True where results depend on the query alone and never change, so that they may be cached.
    always_full : bool
        True where the arm returns as many items as it is asked for, whatever the query, as long as the
        catalogue has them, so that it can stand in for slabs that come back short.
    query_blind : bool
        True where the query does not matter: what such an arm earns is what a world gives away for nothing.
    source : str
        Where its evidence comes from: ``"lexical"``, ``"embedding"``, ``"memory"``, ``"popularity"``,
        ``"hybrid"`` or ``"other"``. Arms of one source have much in common, so that what is known of them
        is a first guess for a new one.

    exact_when_renumbered : bool
        False where numbering the items otherwise, in the same order, may change scores by rounding, as where
        a model is fitted to the catalogue.

    Examples
    --------
    An arm of one's own: the newest items, whatever the query.

    >>> import numpy as np
    >>> from ltrr.types import Candidates, Catalogue, Requests
    >>> class Newest(Arm):
    ...     def index(self, catalogue):
    ...         self.order = np.argsort(-catalogue.released, kind="stable").tolist()
    ...     def retrieve(self, requests, depth):
    ...         return Candidates.from_lists([self.order] * len(requests), depth=depth)
    >>> arm = Newest()
    >>> arm.index(Catalogue(("a", "b", "c"), {"title": ("x", "y", "z")}, released=np.array([0.0, 9.0, 5.0])))
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> arm.retrieve(one, np.array([2])).item.tolist(), arm.state()
    ([1, 2], {})
    """

    static = True
    always_full: ClassVar[bool] = False
    query_blind: ClassVar[bool] = False
    source: ClassVar[str] = "other"
    exact_when_renumbered: ClassVar[bool] = True

    if TYPE_CHECKING:  # left to write: an arm without it is refused where it is given

        def index(self, catalogue: Catalogue) -> None:
            """Prepare for retrieval."""

    def update(self, catalogue: Catalogue, new_items: Int32) -> None:
        """Take in a catalogue that has grown by ``new_items``; what was learned is kept.

        As if ``catalogue`` had been indexed before anything was learned. This one indexes it again; arms that
        need not do better.
        """
        del new_items
        learned = self.state()
        self.index(catalogue)
        self.restore(learned)

    def index_state(self) -> State:
        """Return all that `index` made, for `ltrr.retrieval.save`; left to write.

        Nested mappings of arrays, bytes, lists of str, and plain values. What follows from the parameters
        need not be in it, nor what is in `state`.
        """
        raise self._not_saved("index_state() -> State")

    def restore_index(self, state: State) -> None:
        """Continue from what `index_state` returned: after it, `retrieve` needs no catalogue; left to write.

        Arrays may be read-only, on disk: copy those that learning writes into.
        """
        del state
        raise self._not_saved("restore_index(state)")

    def _not_saved(self, member: str) -> InputError:
        text = f"`{type(self).__name__}` cannot be saved: it has no `{member}`"
        return InputError(f"{text}; write `index_state` (what `index` made) and `restore_index(state)`")

    def learn(self, feedback: Feedback) -> None:
        """Learn nothing."""

    def state(self) -> State:
        """Return nothing: all follows from the catalogue."""
        return {}

    def restore(self, state: State) -> None:
        """Continue from no state."""
        if state:
            raise InputError(
                f"`{type(self).__name__}` learns nothing: it takes an empty state, got {sorted(state)}"
            )
