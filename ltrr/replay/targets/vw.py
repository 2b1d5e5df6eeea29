"""A model that Vowpal Wabbit saved."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import vowpalwabbit

from ltrr.bandits.base import greedy
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.distribution import Distribution, checked
from ltrr.replay.targets.examples import vw_examples
from ltrr.replay.targets.reads import FEATURES, Reads
from ltrr.types import Float64

__all__ = ["VWTarget"]


@dataclass
class VWTarget(Distribution):
    """The distributions of a ``--cb_explore_adf`` model, or the cheapest action of a ``--cb_adf`` model.

    Examples are those of `vw_examples`: namespaces c (shared) and a (actions), features by their names in the
    log. A model trained on other names or namespaces knows none of them and states what it would without
    features; VW does not report this. Every row is one call of VW.

    Parameters
    ----------
    path : path
        The model file (``-f`` or ``--final_regressor``), which carries its own options.
    label : str
        Name in tables; the file's name if empty.

    Raises
    ------
    InputError
        If the file cannot be read as a model, or is not a model of actions with features.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.logs.events import Events, Space
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.vw"
    ...     vowpalwabbit.Workspace("--cb_explore_adf --epsilon 0.2 --quiet").save(str(path))
    ...     target = VWTarget(path)
    >>> target.logged(Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0, 1])).round(3).tolist()
    [0.5, 0.5]
    """

    path: Path | str
    _: KW_ONLY
    label: str = ""
    _workspace: Any = field(default=None, init=False, repr=False)
    _scores: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        try:
            if not self.path.is_file():
                raise InputError(f"{self.path} cannot be read as a model of VW: no such file")
            # a list, as a path may hold spaces
            self._workspace = vowpalwabbit.Workspace(
                arg_list=["--initial_regressor", str(self.path), "--testonly", "--quiet"]
            )
        except (OSError, RuntimeError) as error:
            cause = " ".join(str(error).split())
            raise InputError(f"{self.path} cannot be read as a model of VW: {cause}") from error
        kind = self._workspace.get_prediction_type()
        self._scores = kind == vowpalwabbit.PredictionType.ACTION_SCORES
        if not self._scores and kind != vowpalwabbit.PredictionType.ACTION_PROBS:
            self._workspace.finish()
            self._workspace = None
            raise InputError(
                f"{self.path} must be a model of --cb_explore_adf or --cb_adf: it does not choose among "
                "actions"
            )

    def close(self) -> None:
        """Release VW's memory; the target can no longer be used."""
        if self._workspace is not None:
            self._workspace.finish()
        self._workspace = None

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label or f"vw:{Path(self.path).name}"

    @property
    def reads(self) -> Reads:
        """Contexts and actions."""
        return FEATURES

    def probabilities(self, events: Events) -> Float64:
        """Return VW's distributions; the model does not change."""
        if self._workspace is None:
            raise InputError(f"`{self.name}` was closed; load the model again")
        predict = self._workspace.predict
        stated = [np.asarray(predict(example), np.float64) for example in vw_examples(events)]
        value = np.concatenate(stated) if stated else np.zeros(0)
        if self._scores:
            value = greedy(events.actions, -value)
        return checked(self.name, events, value)
