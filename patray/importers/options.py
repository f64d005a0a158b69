"""What a person can choose about an import. All of it decides the result and is written into landscape.yaml."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, field
from typing import Any

from patray.errors import InputError
from patray.importers.dates import check_format

DATES = ("publication", "filing", "priority")
REPRESENTATIVES = ("earliest", "longest")


@dataclass(frozen=True)
class Selection:
    """Which publications enter. Empty means no restriction.

    offices: two-letter codes. since, until: inclusive ISO dates. languages: of the text; 'unknown' stands for rows
    that do not tell. codes: IPC or CPC prefixes (`A61`, `A61B5/02`). all_kinds: also search reports, corrections,
    translations, designs and plants. representative: one publication a family, 'earliest', 'longest' (most text), or
    offices in order of preference ('EP,US,WO'). sample: this many, with `seed`, kept dense in citations.
    """

    offices: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    languages: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    all_kinds: bool = False
    representative: str = ""
    sample: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            value = getattr(self, name)
            if value:
                try:
                    datetime.date.fromisoformat(value)
                except ValueError as error:
                    raise InputError(f"--{name} {value}: write the date as YYYY-MM-DD") from error
        if self.since and self.until and self.since > self.until:
            raise InputError(f"--since {self.since} lies after --until {self.until}")
        strange = [
            office for office in self.offices if not (len(office) == 2 and office.isalpha() and office.isupper())
        ]
        if strange:
            raise InputError(f"--office {strange[0]}: wanted two capital letters, such as EP or US")
        if self.representative and self.representative not in REPRESENTATIVES:
            order = self.representative.split(",")
            if not all(len(office) == 2 and office.isalpha() and office.isupper() for office in order):
                raise InputError(
                    f"--representative {self.representative}: allowed are {', '.join(REPRESENTATIVES)} or offices in "
                    "order of preference, such as EP,US,WO"
                )
        if self.sample < 0:
            raise InputError(f"--sample {self.sample}: wanted a positive number")


@dataclass(frozen=True)
class Options:
    """name: of the landscape, default the folder's. prefer: languages of the text to take, first found wins.

    date: which date `date` is. delimiter, encoding: of delimited files ('' = by the format, UTF-8). columns: landscape
    column -> source column, for `table`. separators: of the values in a cell, by column (of a text: of its
    versions, the first is taken). date_format: such as
    DD/MM/YYYY, '' for what the column proves. sheet: of a workbook, '' for the one with a known header. keep_truncated:
    keep rows of a file that is cut off. task: of a source that holds several. split: of BEIR and mteb sources.
    whole_text: do not cut PatenTEB's texts into sections.
    """

    name: str = ""
    title: str = ""
    licence: str = ""
    version: str = ""
    prefer: tuple[str, ...] = ("en",)
    date: str = "publication"
    delimiter: str = ""
    encoding: str = "utf-8"
    columns: dict[str, str] = field(default_factory=dict)
    separators: dict[str, str] = field(default_factory=dict)
    date_format: str = ""
    sheet: str = ""
    keep_truncated: bool = False
    task: str = ""
    split: str = ""
    whole_text: bool = False
    selection: Selection = field(default_factory=Selection)

    def __post_init__(self) -> None:
        if self.date not in DATES:
            raise InputError(f"--date {self.date}: allowed are {', '.join(DATES)}")
        if self.date_format:
            check_format(self.date_format)
        if len(self.delimiter) > 1:
            raise InputError(f"--delimiter {self.delimiter!r}: wanted one character")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise InputError(f"--encoding {self.encoding}: Python knows no such encoding") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values, only what differs from the defaults."""
        default = asdict(Options())
        found = {key: value for key, value in asdict(self).items() if value != default[key] and key != "selection"}
        chosen = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self.selection).items()
            if value != default["selection"][key]
        }
        if chosen:
            found["selection"] = chosen
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}
