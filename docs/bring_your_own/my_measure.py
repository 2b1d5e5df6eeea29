"""Your own measure: one line. A batch has all that happened to B requests, truth included."""

from ltrr.metrics import Measure

TOP_CLICK = Measure("top_click", "click on the first place", lambda b: b.outcome.click[:, 0], split=True)
