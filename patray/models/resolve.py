"""From a record to what may run it, and to a folder with its files: a path, a mirror, an installed package, the hub.

Resolving happens before any actor starts, so a missing model fails before a GPU is asked for. Weights load from
safetensors only: a pickle can run code.
"""

from __future__ import annotations

import fcntl
import importlib.util
import re
import shutil
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from patray.errors import ModelError
from patray.files import TEMPORARY, Folder
from patray.models.engines import require_dtype
from patray.models.hashes import hash_files, is_weights, verify_fetched
from patray.models.record import ModelRecord
from patray.models.static import is_snapshot, tokenizer_home

if TYPE_CHECKING:
    from patray.models.announced import Announced


@dataclass(frozen=True)
class Snapshot:
    """Where a model's files are (a local path, a mirror's URI, or a hub reference) and how they were found.

    What `content.identify` adds: files, (name, SHA-256) of all that decide a vector; content, which says what they are
    together; notes, what a reader must know of them. Empty before, and `files` for what the hub serves.
    """

    location: str
    found: str
    files: tuple[tuple[str, str], ...] = ()
    content: str = ""
    notes: tuple[str, ...] = ()


def mirror_folder(record: ModelRecord, mirror: str) -> Folder:
    """The folder of a record inside a mirror: MIRROR/org--name/REVISION."""
    return Folder.at(mirror) / record.repo.replace("/", "--") / record.revision


def find_snapshot(record: ModelRecord, path: str | None, mirror: str | None, allow_hub: bool) -> Snapshot:
    """Where `record` can be loaded from; raises ModelError that says every place that was tried and what to do."""
    tried = []
    if path is not None:
        location = Path(path).expanduser().absolute()
        if not is_snapshot(Folder.at(location)):
            raise ModelError(f"model {record.name}: {location} holds no config.json, so it is not a model snapshot")
        _require_safetensors(record, Folder.at(location))
        named = location.resolve().name  # the hub's cache and mirrors name the folder after the revision
        if re.fullmatch("[0-9a-f]{40}", named) and record.revision not in (named, "local"):
            raise ModelError(
                f"model {record.name}: {location} holds revision {named}, its record is pinned to {record.revision}; "
                "give the pinned revision, or a record of the other one in the suite"
            )
        return Snapshot(str(location), "path")
    if mirror is not None:
        folder = mirror_folder(record, mirror)
        if is_snapshot(folder):
            _require_safetensors(record, folder)
            return Snapshot(folder.uri, "mirror")
        tried.append(f"the mirror ({folder})")
    if record.package is not None:
        spec = importlib.util.find_spec(record.package)
        if spec is not None and spec.submodule_search_locations:
            return Snapshot(
                str(Path(next(iter(spec.submodule_search_locations))) / "model"), f"package {record.package}"
            )
        tried.append(f"the package {record.package} (not installed: pip install {record.package.replace('_', '-')})")
    if allow_hub and record.revision != "local":
        return Snapshot(f"hub:{record.repo}@{record.revision}", "hub")
    tried.append("the hub (not allowed: set `models_from.hub: true` in the suite)")
    raise ModelError(
        f"model {record.name} ({record.repo}) was not found. Tried: {'; '.join(tried)}. "
        "Give `path:` with the model in the suite, or `models_from.mirror:` with a folder that holds "
        f"{record.repo.replace('/', '--')}/{record.revision}/."
    )


def localise(snapshot: Snapshot, record: ModelRecord, cache: Path, weights: bool = True) -> Path:
    """A local folder with the snapshot's files, copied from a bucket or fetched from the hub when it is not local.

    The files are those that were identified before anything started, or ModelError names the one that is not: a path
    can hold something else on another node, and a bucket can change. weights: False leaves the weights unread (for a
    tokenizer, of which a node runs many).
    """
    if snapshot.location.startswith("hub:"):
        path = fetch_from_hub(record)
        verify_fetched(record, path, weights)
        return path
    if "://" not in snapshot.location:
        path = Path(snapshot.location)
        _require_files(snapshot, record, path, weights)
        return path
    # By content: another one that comes to the same address is another copy, and this one is never stale.
    target = cache / record.repo.replace("/", "--") / (snapshot.content or record.revision)
    if not (target / ".complete").exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target.with_name(f"{target.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several actors of a node may ask at once; a dead one's lock is free
            if not (target / ".complete").exists():
                _copy(snapshot, record, target)
                return target
    _require_files(snapshot, record, target, weights)
    return target


def _require_files(snapshot: Snapshot, record: ModelRecord, path: Path, weights: bool) -> None:
    """ModelError, naming the file and this machine, where one is not what was identified."""
    wanted = {name: digest for name, digest in snapshot.files if weights or not is_weights(name)}
    absent = [name for name in wanted if not (path / name).is_file()]
    found = hash_files(Folder.at(path), [name for name in wanted if name not in absent])
    wrong = absent + [name for name, digest in found.items() if digest != wanted[name]]
    if wrong:
        raise ModelError(
            f"model {record.name}: {path} on {socket.gethostname()} does not hold what {snapshot.location} held when "
            f"this command began: {', '.join(wrong[:5])} differs. Put the same files on every node, or start again"
        )


def _copy(snapshot: Snapshot, record: ModelRecord, target: Path) -> None:
    """Copy a snapshot beside `target`, then rename it, so that it is whole or absent."""
    _sweep(target)
    source = Folder.at(snapshot.location)
    scratch = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}-{target.name}")
    scratch.mkdir()
    try:
        for name in source.walk():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            source.download(name, str(scratch / name))
        _require_files(snapshot, record, scratch, weights=True)
        (scratch / ".complete").touch()
        scratch.rename(target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _sweep(target: Path) -> None:
    """Delete what killed workers left of their copies, of any model of this cache that no living one is copying.

    Whoever calls holds the lock of `target`.
    """
    for left in target.parent.parent.glob(f"*/{TEMPORARY}*"):
        into = left.with_name(left.name.removeprefix(TEMPORARY).partition("-")[2])
        with open(into.with_name(f"{into.name}.lock"), "w") as lock:
            try:
                if into != target:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(left, ignore_errors=True)


def fetch_from_hub(record: ModelRecord | Announced) -> Path:
    """The hub's snapshot at the pinned revision, in the hub's own cache; ModelError that says what to do otherwise."""
    if record.revision is None:
        raise ModelError(f"model {record.name}: no revision of {record.repo} is known; fetch one and give its folder")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HTTPError, LocalEntryNotFoundError

    try:
        path = snapshot_download(
            record.repo, revision=record.revision, ignore_patterns=["*.bin", "*.pt", "*.ckpt", "*.h5", "onnx/*"]
        )
    except GatedRepoError as error:
        raise ModelError(
            f"model {record.name}: {record.repo} is gated. Accept its licence ({record.licence}) on the hub and set "
            "HF_TOKEN in the job's environment, or fill a mirror from a machine that may read it."
        ) from error
    except (HTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"model {record.name}: {record.repo}@{record.revision} could not be fetched from the hub: {error} "
            f"On a machine that reaches the hub, `patray models mirror {record.name} DEST` fills a folder or bucket "
            "for `models_from.mirror`; or give a downloaded snapshot as the model's `path`."
        ) from error
    _require_safetensors(record, Folder.at(path))
    return Path(path)


def _require_safetensors(record: ModelRecord | Announced, folder: Folder) -> None:
    names = [*folder.list(), *tokenizer_home(folder).list()]
    if not any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names):
        raise ModelError(
            f"model {record.name}: {folder} holds no .safetensors weights (found {', '.join(names) or 'nothing'}); "
            "patray does not load pickled weights"
        )


def require_runnable(record: ModelRecord, engine: str, allow_remote_code: bool) -> None:
    """ModelError, with what to do, when the record says that this engine cannot or may not run the model."""
    _require_kind(record, engine)
    if not record.engines:
        raise ModelError(f"model {record.name}: no engine here can run it. {record.notes}")
    if engine not in record.engines:
        raise ModelError(f"model {record.name} does not run on {engine}; its record allows {', '.join(record.engines)}")
    require_dtype(record.name, engine, record.dtype)
    code = record.remote_code
    if code is not None and code.commit is None:
        raise ModelError(
            f"model {record.name} needs Python code of which no commit has been verified, so patray does not run it; "
            "give a complete record with `remote_code.commit` in the suite once you have read the code"
        )
    if code is not None and not allow_remote_code:
        raise ModelError(
            f"model {record.name} needs Python code from {code.repo}@{code.commit}; "
            "read it, then set `models_from.remote_code: true` in the suite to allow it"
        )
    if record.adapters and engine != "sentence-transformers":
        raise ModelError(
            f"model {record.name} has an adapter for each role, which only sentence-transformers switches here"
        )


def _require_kind(record: ModelRecord, engine: str) -> None:
    """ModelError for a late-interaction model or a reranker that cannot run, or whose record does not say how."""
    if record.kind == "dense":
        return
    if record.kind == "listwise":
        if engine != "vllm":
            raise ModelError(f"model {record.name}: patray asks a language model by vllm only")
        return
    if engine != "sentence-transformers":
        raise ModelError(f"model {record.name}: patray runs a {record.kind} model with sentence-transformers only")
    if record.kind == "reranker" and record.score is None:
        raise ModelError(f"model {record.name}: nobody has verified how its logit becomes a score (`score` is null)")
    if record.score == "yes-no" and record.template is None:
        raise ModelError(f"model {record.name}: a yes-no reranker needs a `template`")
