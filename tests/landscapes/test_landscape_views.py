"""Views: which sections, in which order, joined how."""

import pyarrow as pa
import pytest
from conftest_landscapes import patent, patents_table

from patray.errors import InputError
from patray.landscapes.load import iter_sections, part_names, read_rows
from patray.landscapes.validate import prepare
from patray.landscapes.views import BUILT_IN, SECTIONS, get_view, make_view, render

ROWS = [
    patent("P1", title="T1", abstract="A1", claims=["C1.", "The brush of claim 1."], description="D1"),
    patent("P2", title="T2", abstract=None, claims=[], description=None),
    patent("P3", title=None, abstract="A3", claims=["1. X. 2. The x of claim 1. 3. Y."], description=None),
]
TABLE = patents_table(ROWS).append_column("dwpi_title", pa.array(["W1", None, None])).append_column(
    "dwpi_abstract", pa.array(["V1", None, "V3"])
)  # fmt: skip


@pytest.mark.parametrize(
    ("view", "texts"),
    [
        ("ta", ["T1\nA1", "T2", "A3"]),
        ("tac", ["T1\nA1\nC1.\nThe brush of claim 1.", "T2", "A3\n1. X. 2. The x of claim 1. 3. Y."]),
        ("ta+claim1", ["T1\nA1\nC1.", "T2", "A3\nX."]),
        ("title", ["T1", "T2", ""]),
        ("abstract", ["A1", "", "A3"]),
        ("claim1", ["C1.", "", "X."]),
        ("claims", ["C1.\nThe brush of claim 1.", "", "1. X. 2. The x of claim 1. 3. Y."]),
        ("description", ["D1", "", ""]),
        ("ta+description", ["T1\nA1\nD1", "T2", "A3"]),
        ("dwpi-ta", ["W1\nV1", "", "V3"]),
    ],
)
def test_a_built_in_view_joins_its_non_empty_sections_by_one_newline(view, texts):
    assert render(TABLE, get_view(view)) == texts


def test_every_built_in_view_is_tested_and_made_of_known_sections():
    assert all(section in SECTIONS for view in BUILT_IN.values() for section in view.sections)
    assert len(BUILT_IN) == 10


def test_sections_keep_the_order_of_the_list():
    assert render(TABLE, make_view("mine", ["abstract", "title"])) == ["A1\nT1", "T2", "A3"]
    assert render(TABLE, make_view("own", ["independent_claims", "title"])) == ["C1.\nT1", "T2", "X.\nY."]


def test_rendering_is_the_same_for_tables_chunks_and_batches():
    view = get_view("ta+claim1")
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    by_batch = [text for batch in chunked.to_batches() for text in render(batch, view)]
    assert render(chunked, view) == by_batch == render(TABLE, view)
    assert render(TABLE.slice(0, 0), view) == []


def test_unknown_views_and_sections_name_what_is_allowed():
    with pytest.raises(InputError, match=r"unknown view 'tad'; allowed are ta, tac, .*, mine, or a list of sections"):
        get_view("tad", {"mine": ["title"]})
    with pytest.raises(InputError, match=r"view 'mine': unknown section 'claim2'; allowed are title, abstract, claims"):
        get_view("mine", {"mine": ["title", "claim2"]})
    with pytest.raises(InputError, match=r"view 'mine': no section"):
        make_view("mine", [])
    with pytest.raises(InputError, match=r"listed twice"):
        make_view("mine", ["title", "title"])
    with pytest.raises(InputError, match=r"view 'ta' is built in as title\+abstract"):
        make_view("ta", ["abstract"])


def test_a_view_reads_only_the_columns_that_it_needs(write, clean):
    prepare(write(ROWS), clean, rows_per_part=2)
    assert get_view("ta+claim1").columns == ("title", "abstract", "claims")
    [first, second] = iter_sections(clean, ["claim1", "claims"])
    assert first.schema.names == ["patent_id", "claims"]
    assert first.column("patent_id").to_pylist() + second.column("patent_id").to_pylist() == ["P1", "P2", "P3"]


def test_given_rows_of_a_part_can_be_read_in_any_order(write, clean):
    prepare(write(ROWS), clean)
    [part] = part_names(clean)
    assert read_rows(clean, part, ["title"], [2, 0])["patent_id"].to_pylist() == ["P3", "P1"]
    assert read_rows(clean, part, ["title"], slice(1, 9))["patent_id"].to_pylist() == ["P2", "P3"]
    assert read_rows(clean, part, ["title"]).num_rows == 3
    with pytest.raises(InputError, match="unknown section 'body'; allowed are"):
        read_rows(clean, part, ["body"])
