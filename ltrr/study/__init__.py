"""A study: settings, runs of all its cells, and the tables, figures and page of what came out."""

from ltrr.study.files import read_study, study_names
from ltrr.study.result import Result
from ltrr.study.simulate import run_study, simulate
from ltrr.study.study import Study, Tuning

__all__ = ["Result", "Study", "Tuning", "read_study", "run_study", "simulate", "study_names"]
