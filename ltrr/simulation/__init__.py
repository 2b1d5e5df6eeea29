"""One run of one policy: the loop, what it runs in, what is measured, and a cell on disk."""

from ltrr.simulation.batch import Batch, Pool
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from ltrr.simulation.measure import Measures
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared, System

__all__ = ["Batch", "Cell", "Loop", "LoopSetting", "Measures", "Pool", "Prepared", "System"]
