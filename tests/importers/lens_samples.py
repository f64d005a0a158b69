"""Generated Lens exports in exactly their schema, with planted quirks. All text is invented."""

import json
import random
from typing import Any

WORDS = [
    "brush",
    "handle",
    "hinge",
    "lens",
    "motor",
    "valve",
    "spring",
    "sensor",
    "frame",
    "wheel",
    "cable",
    "pump",
    "filter",
    "shaft",
    "plate",
]
CSV_COLUMNS = [
    "#",
    "Jurisdiction",
    "Kind",
    "Display Key",
    "Lens ID",
    "Publication Date",
    "Publication Year",
    "Application Number",
    "Application Date",
    "Priority Numbers",
    "Earliest Priority Date",
    "Title",
    "Abstract",
    "Applicants",
    "Inventors",
    "Owners",
    "URL",
    "Document Type",
    "Has Full Text",
    "Cites Patent Count",
    "Cited by Patent Count",
    "Simple Family Size",
    "Simple Family Members",
    "Simple Family Member Jurisdictions",
    "Extended Family Size",
    "Extended Family Members",
    "Extended Family Member Jurisdictions",
    "Sequence Count",
    "CPC Classifications",
    "IPCR Classifications",
    "US Classifications",
    "NPL Citation Count",
    "NPL Resolved Citation Count",
    "NPL Resolved Lens ID(s)",
    "NPL Resolved External ID(s)",
    "NPL Citations",
    "Legal Status",
]


def sentence(rng: random.Random, words: int) -> str:
    return "A " + " ".join(rng.choices(WORDS, k=words)) + "."


def lens_id(number: int) -> str:
    digits = f"{number:014d}"
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:9]}-{digits[9:12]}-{digits[12:]}X"


def record(number: int, rng: random.Random, office: str = "US", kind: str = "A1", cites: int = 2) -> dict[str, Any]:
    """A publication as the JSON export has it; number n cites n-1, n-2 ..."""
    doc_number = f"2012{number:07d}" if office == "US" else f"{number:07d}"
    claims = [f"{i}. {sentence(rng, 12)}" for i in range(1, 4)]
    citations = [
        {
            "sequence": i,
            "patcit": {
                "document_id": {"jurisdiction": "US", "doc_number": f"2012{number - i:07d}", "kind": "A1"},
                "lens_id": lens_id(number - i),
            },
            "category": ["X"] if i == 1 else [],
            "cited_phase": "SEA",
        }
        for i in range(1, cites + 1)
        if number - i > 0
    ]
    return {
        "lens_id": lens_id(number),
        "jurisdiction": office,
        "doc_number": doc_number,
        "kind": kind,
        "date_published": f"20{10 + number % 10}-03-{1 + number % 28:02d}",
        "doc_key": f"{office}_{doc_number}_{kind}",
        "docdb_id": number,
        "lang": "en",
        "publication_type": "PATENT_APPLICATION",
        "abstract": [{"text": f"Zusammenfassung {number}", "lang": "de"}, {"text": sentence(rng, 30), "lang": "en"}],
        "claims": [{"claims": [{"claim_text": [text]} for text in claims], "lang": "en"}],
        "description": {"text": sentence(rng, 50), "lang": "en"},
        "biblio": {
            "publication_reference": {"jurisdiction": office, "doc_number": doc_number, "kind": kind},
            "application_reference": {"jurisdiction": office, "doc_number": "1", "kind": "A", "date": "2009-01-02"},
            "priority_claims": {"claims": [], "earliest_claim": {"date": "2008-01-02"}},
            "invention_title": [{"text": f"Folding {rng.choice(WORDS)} {number}", "lang": "en"}],
            "parties": {"inventors": [{"extracted_name": {"value": "DOE JANE"}}]},
            "classifications_ipcr": {"classifications": [{"symbol": "A46B5/02"}, {"symbol": "A46B5/02"}]},
            "classifications_cpc": {
                "classifications": [
                    {"symbol": "A46B5/02", "classification_value": "I", "classification_symbol_position": "F"},
                    {"symbol": "Y10T29/49"},
                ]
            },
            "references_cited": {"citations": citations, "patent_count": len(citations), "npl_count": 0},
            "cited_by": {"patents": [], "patent_count": 0},
        },
        "families": {"simple_family": {"members": [{"lens_id": lens_id(number)}], "size": 1}},
        "legal_status": {"granted": False, "patent_status": "PENDING"},
    }


def jsonl(records: list[Any], bom: bool = False) -> bytes:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in records]
    return (b"\xef\xbb\xbf" if bom else b"") + ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def csv_row(number: int, **changes: str) -> dict[str, str]:
    row = {
        "#": str(number),
        "Jurisdiction": "EP",
        "Kind": "A1",
        "Display Key": f"EP {number:07d} A1",
        "Lens ID": lens_id(number),
        "Publication Date": "2001-05-02",
        "Application Date": "1999-11-24",
        "Earliest Priority Date": "1998-11-25",
        "Title": f"Brush, folding {number}",
        "Abstract": "A brush folds.",
        "Document Type": "Patent Application",
        "Cites Patent Count": "3",
        "Simple Family Members": lens_id(number),
        "CPC Classifications": "A46B5/02;;A46B5/02;;Y10T29/49",
        "IPCR Classifications": "A46B5/02",
        "Legal Status": "Active",
    }
    row.update(changes)
    return row
