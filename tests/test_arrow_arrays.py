"""Arrays between numpy and Arrow: the same values, and no pandas."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltrr.types.arrow import as_arrow, as_numpy, scalar, texts

KINDS = (
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "bool",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 100])
def test_numbers_go_there_and_back(kind, n):
    values = np.arange(n).astype(kind)
    array = as_arrow(values)
    array.validate(full=True)
    assert array.equals(pa.array(values))
    assert as_numpy(array).dtype == values.dtype
    assert np.array_equal(as_numpy(array), values)
    assert np.array_equal(as_numpy(array[1:]), values[1:])
    assert np.array_equal(as_numpy(pa.chunked_array([array, array])), np.concatenate([values, values]))


def test_every_second_value_is_copied():
    assert as_numpy(as_arrow(np.arange(10)[::2])).tolist() == [0, 2, 4, 6, 8]


@given(st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8")))))
def test_texts_go_there(values):
    array = texts(values)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.string()))


def test_pandas_is_not_loaded():
    code = (
        "import sys, numpy as np, pyarrow.compute as pc\n"
        "from ltrr.types.arrow import as_arrow, as_numpy, scalar, texts\n"
        "found = pc.fill_null(texts(['a', None]), scalar('b'))\n"
        "hit = as_numpy(pc.equal(found, scalar('b')))\n"
        "number = as_numpy(found.dictionary_encode().indices.take(as_arrow(np.array([1]))))\n"
        "print(found.to_pylist(), hit.tolist(), number.tolist(), 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split("\n")[0] == "['a', 'b'] [False, True] [1] False"


def test_a_scalar_is_the_text():
    assert scalar("é") == pa.scalar("é")
