"""Simple families when a source gives no family id, or gives one for some publications only.

A simple family is an equivalence: two publications belong together when one lists the other, when a third lists both,
or when they carry the same family id. So families are the connected components of that graph. Extended (INPADOC)
families must not be fed in here: they join different inventions.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.nested import elements, take, to_lists
from patray.importers.numbers import without_kind
from patray.importers.printed import number_keys, offices_of
from patray.landscapes.absent import FAMILY, without_absent
from patray.landscapes.positions import positions

_ONE_FORM = (
    (r"(\d)A\d?$", r"\1"),  # the kind of DOCDB; utility models (U) are counted apart in Japan
    (r"^US(?:19|20)\d\d(\d{8})$", r"US\1"),
    (r"^EP(?:19|20)(\d\d)0(\d{6})$", r"EP\1\2"),
    (r"^EP0(\d)", r"EP\1"),
    (r"^(?:WO)?PCT([A-Z]{2})((?:19|20)\d\d)0*(\d{1,6})$", r"WO\2\1\3"),
)
"""Numbers of applications as `application_number` leaves them -> what all forms of one have in common."""


def known_family(ids: pa.Array) -> pa.Array:
    """Family ids with every spelling of 'unknown' as null: taken literally they would make one giant family."""
    ids = without_absent(pc.utf8_trim_whitespace(ids), FAMILY)
    zeros = pc.fill_null(pc.match_substring_regex(ids, pattern="^0{2,}$"), False)
    return pc.if_else(zeros, pa.scalar(None, pa.string()), ids) if pc.any(zeros).as_py() else ids


def application_number(office: pa.Array, number: pa.Array) -> pa.Array:
    """Numbers of applications in one form: `16/000,001`, `US 16000001` and `16000001` of office US are `US16000001`.

    office (n,), number (n,): string; null where there is no number, without an office where none is given.
    """
    digits = pc.replace_substring_regex(pc.utf8_upper(number), pattern=r"[^0-9A-Z]", replacement="")
    office = pc.fill_null(office, "")
    repeats = pc.fill_null(pc.equal(pc.utf8_slice_codeunits(digits, 0, 2), office), False)
    own = pc.and_(pc.not_equal(office, ""), repeats)
    digits = pc.if_else(own, pc.utf8_slice_codeunits(digits, 2), digits)
    digits = pc.replace_substring_regex(digits, pattern="^0+", replacement="")
    known = pc.fill_null(pc.match_substring_regex(digits, pattern=r"\d"), False)
    return pc.if_else(known, pc.binary_join_element_wise(office, digits, ""), pa.scalar(None, pa.string()))


def docdb_application(office: pa.Array, number: pa.Array) -> pa.Array:
    """`application_number` of numbers in DOCDB's form, those of the US in the USPTO's own, by which office actions go.

    `US 201917280904 A` is `US17280904`: the year, then series and serial. The US's eight digits of before (serial and
    year) do not say the series and are null. A kind behind a space or hyphen goes.
    """
    plain = application_number(
        office, pc.replace_substring_regex(number, pattern=r"[\s-]+[A-Z]\d?\s*$", replacement="")
    )
    us = pc.fill_null(pc.starts_with(plain, "US"), False)
    own = pc.struct_field(pc.extract_regex(plain, r"^US(?:19|20)\d\d(?P<own>\d{8})$"), "own")
    return pc.if_else(us, pc.binary_join_element_wise("US", own, ""), plain)


def same_application(office: pa.Array, number: pa.Array) -> pa.Array:
    """A name that all publications of one application share (string, null where the number is missing).

    The forms of one number are one name: `13/974,256`, `US201313974256A` and `US 201313974256 A` of the US;
    `14181000.3`, `EP14181000` and `EP20140181000` of the EPO; `PCT/US2014/051801` and `WO2014US51801`. It sorts behind
    all publication numbers, so that no family is called by it.
    """
    plain = application_number(office, pc.replace_substring_regex(number, pattern=r"\.\d$", replacement=""))
    for pattern, replacement in _ONE_FORM:
        plain = pc.replace_substring_regex(plain, pattern=pattern, replacement=replacement)
    return pc.binary_join_element_wise(pa.scalar("~application "), plain, "")


def across_kinds(ids: pa.Array, members: pa.ListArray, given: pa.Array) -> pa.ListArray:
    """Members under the ids that they have here where a number stands without its kind on one side.

    [US5612345] is [US5612345A] where that is an id; an id without kind and family is kin of the same number with one.
    ids (n,), given (n,): family ids or null. Ids of the user's own are as they are.
    """
    rows, values = elements(members)
    keys, listed = number_keys(ids), number_keys(values)
    bare, short = without_kind(keys), without_kind(listed)
    numbers = offices_of(ids).is_valid().to_numpy(zero_copy_only=False)
    open_ = pc.equal(bare, keys).to_numpy(zero_copy_only=False)
    found = positions(listed, keys)
    for side, mine in ((~open_, pc.equal(short, listed)), (open_, pc.not_equal(short, listed))):
        at = np.flatnonzero(numbers & side)
        lost = np.flatnonzero((found < 0) & mine.to_numpy(zero_copy_only=False))
        place = positions(short.take(pa.array(lost)), bare.take(pa.array(at)))
        found[lost[place >= 0]] = at[place[place >= 0]]
    own, kinds = (
        np.flatnonzero(numbers & one) for one in (open_ & given.is_null().to_numpy(zero_copy_only=False), ~open_)
    )
    place = positions(bare.take(pa.array(own)), bare.take(pa.array(kinds)))
    kin = kinds[place[place >= 0]]
    named = pc.coalesce(take(ids, found), values)
    rows = np.concatenate([rows, own[place >= 0]])
    order = np.argsort(rows, kind="stable")
    return to_lists(rows[order], pa.concat_arrays([named, ids.take(pa.array(kin))]).take(pa.array(order)), len(ids))


def simple_families(ids: pa.Array, given: pa.Array, members: pa.ListArray) -> pa.Array:
    """(n,) string: the family of each publication, never null.

    ids (n,): the names under which `members` list publications (null when there is none). given (n,): family id, or
    null. members (n,): lists of names, the publication itself included or not. A family is named by the smallest given
    id in it, else by its smallest member (by bytes): a publication without either is a family named by itself.
    """
    count = len(ids)
    if count == 0:
        return pa.array([], pa.string())
    sizes = pc.fill_null(pc.list_value_length(members), 0).to_numpy(zero_copy_only=False)
    from scipy.sparse import coo_matrix  # a fifth of a second, which processes that only read need not spend
    from scipy.sparse.csgraph import connected_components

    own = ids
    if ids.null_count:
        own = pc.coalesce(ids, pc.binary_join_element_wise("row ", pa.array(np.arange(count)).cast(pa.string()), ""))
    # Family ids and publication names are different kinds of node, also where both are `1234`. Families come first.
    families = given.drop_null().dictionary_encode()
    named = pa.concat_arrays([own, members.flatten()]).dictionary_encode()
    among = len(families.dictionary)
    rows, listed = np.split(among + named.indices.fill_null(-1).to_numpy().astype(np.int64), [count])
    said = listed >= among  # a member may come without a name
    source = np.concatenate([np.repeat(rows, sizes)[said], rows[given.is_valid().to_numpy(zero_copy_only=False)]])
    target = np.concatenate([listed[said], families.indices.to_numpy()])
    size = among + len(named.dictionary)
    graph = coo_matrix((np.ones(len(source), np.int8), (source, target)), shape=(size, size))
    _, component = connected_components(graph, directed=False)

    # The smallest node of a component is its smallest family id where it has one.
    order = [pc.sort_indices(families.dictionary).to_numpy(), among + pc.sort_indices(named.dictionary).to_numpy()]
    first = np.concatenate(order)[::-1]
    name = np.empty(component.max() + 1, dtype=np.int64)
    name[component[first]] = first
    chosen = name[component[rows]]
    names = pa.concat_arrays([families.dictionary, named.dictionary]).take(pa.array(chosen))
    clash = pc.and_(pa.array(chosen >= among), pc.is_in(names, value_set=families.dictionary))
    return pc.if_else(clash, pc.binary_join_element_wise("publication", names, " "), names)
