"""Where the vectors and scores of a finished run come from: made by it, taken with a certificate, or as they were.

for one in origins(Folder.at("patray-work/runs/demo")):
    print(one.model, one.landscape, one.origin)          # minilm assist-a embedded
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from patray.encoders.certificate import Certificate, certificate_of
from patray.files import Folder
from patray.runs.step_record import records_of

STEPS = ("embed", "rerank", "mine")
"""Steps whose numbers a model makes."""


@dataclass(frozen=True)
class Origin:
    """One artifact of a run. step: embed, rerank or mine. view: "" for mine; role: "" for rerank and mine.

    origin: `embedded` (by this run, scores too), `certified` (of other versions, and a sample encoded again agrees) or
    `reused` (of the same versions).
    """

    step: str
    landscape: str
    view: str
    model: str
    role: str
    origin: Literal["embedded", "certified", "reused"]
    certificate: Certificate | None

    @property
    def name(self) -> str:
        """`assist-a/ta, document`."""
        return ", ".join(part for part in ("/".join(filter(None, (self.landscape, self.view))), self.role) if part)


def origins(run: Folder) -> list[Origin]:
    """The origin of every artifact that a finished run used, in the order of its steps."""
    return origins_of(run.read_json("provenance.json"))


def origins_of(provenance: Mapping[str, Any]) -> list[Origin]:
    """As `origins`, of the content of provenance.json. An older record, without `origin`, tells `reused` alone."""
    found = []
    for step in records_of(provenance, *STEPS):
        told, kept = step.get("origin"), step.get("certificate")
        found.append(
            Origin(
                step.step,
                step.landscape,
                step.view,
                step.system if step.step == "rerank" else step.model,
                step.role,
                told or ("reused" if step.reused else "embedded"),
                certificate_of(kept) if kept else None,
            )
        )
    return found


CERTIFIED = "certificates.json"
"""What `patray certify` writes into a run folder."""


def write_certified(run: Folder, found: Iterable[Origin]) -> None:
    run.write_json(CERTIFIED, [asdict(one) | {"certificate": _facts(one.certificate)} for one in found])


def read_certified(run: Folder) -> list[Origin]:
    """What `patray certify` found of this run; empty where it was not asked."""
    told = run.read_json(CERTIFIED) if run.exists(CERTIFIED) else []
    return [Origin(**{**one, "certificate": certificate_of(one["certificate"])}) for one in told]


def _facts(certificate: Certificate | None) -> dict[str, Any] | None:
    return None if certificate is None else certificate.facts
