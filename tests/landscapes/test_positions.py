"""Where ids stand among others, against a plain loop."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.landscapes.positions import positions

IDS = st.lists(st.sampled_from(["a", "b", "EP1", "é"]), max_size=8)
FORMS = {
    "numpy": lambda ids: np.array(ids, object),
    "array": lambda ids: pa.array(ids, pa.string()),
    "chunked": lambda ids: pa.chunked_array([ids[:2], ids[2:]], pa.string()),
}


@pytest.mark.parametrize("of", FORMS)
@pytest.mark.parametrize("among", FORMS)
@settings(max_examples=25, deadline=None)
@given(ids=IDS, known=IDS)
def test_the_first_position_of_each_id_is_that_of_a_plain_loop(of: str, among: str, ids: list, known: list) -> None:
    found = positions(FORMS[of](ids), FORMS[among](known))
    assert found.dtype == np.int64
    assert found.tolist() == [known.index(one) if one in known else -1 for one in ids]


def test_a_null_stands_nowhere() -> None:
    assert positions(pa.array(["b", None]), pa.array([None, "b"])).tolist() == [1, -1]
