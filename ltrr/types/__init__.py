"""The data that modules exchange: frozen dataclasses of arrays, validated once."""

from ltrr.types.action_set import ActionSet, chosen, taken
from ltrr.types.arrays import Bool, Float32, Float64, Int8, Int16, Int32, Int64, UInt32
from ltrr.types.candidate_rows import CandidateRows
from ltrr.types.candidates import Candidates, Union
from ltrr.types.catalogue import Catalogue
from ltrr.types.decision import Decision
from ltrr.types.feedback import Feedback
from ltrr.types.items import Items
from ltrr.types.page import Page
from ltrr.types.quotas import all_quotas, offered_quotas, quota_name, quota_of
from ltrr.types.ragged import concat_indptr, indptr_of, row_of, take_flat
from ltrr.types.requests import Queries, Requests
from ltrr.types.truth import Truth

__all__ = [
    "ActionSet",
    "Bool",
    "CandidateRows",
    "Candidates",
    "Catalogue",
    "Decision",
    "Feedback",
    "Float32",
    "Float64",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Items",
    "Page",
    "Queries",
    "Requests",
    "Truth",
    "UInt32",
    "Union",
    "all_quotas",
    "offered_quotas",
    "chosen",
    "concat_indptr",
    "indptr_of",
    "quota_name",
    "quota_of",
    "row_of",
    "take_flat",
    "taken",
]
