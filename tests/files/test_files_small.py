"""What is written small is what was given, to the bit, and other readers see the same types."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from patray.encoders.vectors import vectors_table
from patray.files import Folder
from patray.search.ranking import Ranking
from patray.search.table import SPLIT, from_table, to_table


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_vectors_come_back_to_the_bit(data: st.DataObject, tmp_path_factory: object) -> None:
    shape = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 9)))
    values = data.draw(arrays.arrays(np.float32, shape, elements=st.floats(width=32)))
    folder = Folder.at(tmp_path_factory.mktemp("v"))  # type: ignore[attr-defined]
    none = np.zeros(len(values))
    table = vectors_table([str(at) for at in range(len(values))], values, none, none, {})
    folder.write_table("v.parquet", table)
    found = folder.read_table("v.parquet")
    assert found.schema.equals(table.schema)
    back = found["vector"].combine_chunks().flatten().to_numpy()
    assert back.tobytes() == values.tobytes()


def test_unit_vectors_take_less_than_their_numbers_and_a_dictionary_of_ids_is_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = Folder.at(tmp_path)
    for count in (64, 2000):
        vectors = rng.normal(size=(count, 384)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        table = vectors_table([f"US{at}" for at in range(count)], vectors, np.ones(count), np.zeros(count), {})
        folder.write_table("v.parquet", table)
        assert folder.size("v.parquet") < 0.95 * vectors.nbytes
    queries, patents = (np.array([f"US{at:07}B2" for at in range(n)], object) for n in (2000, 90_000))
    chosen = rng.permuted(np.tile(np.arange(9000), (200, 1)), axis=1)[:, :1000].reshape(2000, 100) * 10
    scores = -np.sort(-rng.normal(0.5, 0.1, (2000, 100)).astype(np.float32).astype(np.float64), axis=1)
    given_ranking = Ranking(chosen.astype(np.int32), scores)
    table = to_table(given_ranking, queries, patents)
    folder.write_table("r.parquet", table, split=SPLIT)
    assert folder.size("r.parquet") < 7 * len(table)
    found = from_table(folder.read_table("r.parquet"), queries, patents, 100)
    assert np.array_equal(found.patents, given_ranking.patents)
    assert np.array_equal(found.scores, given_ranking.scores)
    column = pq.ParquetFile(tmp_path / "r.parquet").metadata.row_group(0).column(1)
    assert set(column.encodings) == {"PLAIN", "RLE", "RLE_DICTIONARY"}
    assert pq.read_schema(tmp_path / "r.parquet").field("score").type == pa.float64()
