"""`patray certify RUN`: encode a sample of every artifact of a finished run again and compare it, versions or not."""

from __future__ import annotations

from collections.abc import Iterator

from patray.artifacts import is_complete, read_record
from patray.cluster.certify import give_certificates
from patray.cluster.embed import EmbedJob, State, encode_samples
from patray.cluster.execute import Execution
from patray.cluster.models import Model, find_models
from patray.cluster.start import connect
from patray.encoders.certificate import Certificate, changed_versions
from patray.encoders.vectors import part_names
from patray.encoders.windows import plan_windows
from patray.errors import InputError
from patray.files import Folder
from patray.models.content import identify
from patray.models.resolve import Snapshot
from patray.progress import Progress
from patray.recipes.checkpoint import open_checkpoint
from patray.report.write import write_report
from patray.runs.origins import Origin, write_certified
from patray.runs.read import parse_suite
from patray.runs.run_files import work_directory
from patray.runs.suite import Embedding


def certify_run(run: Folder) -> list[Origin]:
    """The certificate of every set of vectors of a finished run, written into it and its report.

    The run must lie in its work directory with its vectors. Raises InputError where it is not finished or vectors are
    gone, ModelError where a model's files are not those of the run.
    """
    if not run.exists("provenance.json"):
        raise InputError(f"{run}: this run is not finished (no provenance.json)")
    store = work_directory(run)
    suite = parse_suite(run.read_text("suite.yaml"), f"{run}/suite.yaml", [])
    models = find_models((entry for entry in suite.models if entry.tuned is None), suite.models_from)
    connect()
    execution = Execution(suite, store, run, models, store)
    execution.prepare()
    models += _tuned(run, {str(entry.name): str(entry.engine) for entry in suite.models if entry.tuned is not None})
    execution.index()
    found = []
    for model in models:
        jobs = execution.jobs_of(model)
        if jobs:
            certificates = _compare(jobs, store, suite.embedding, suite.models_from.remote_code)
            found += [_origin(job, one) for job, one in zip(jobs, certificates, strict=True)]
    write_certified(run, found)
    write_report(run)
    return found


def _tuned(run: Folder, engines: dict[str, str]) -> Iterator[Model]:
    """The models that the run tuned, from the checkpoints that its provenance names."""
    for step in run.read_json("provenance.json")["steps"]:
        if step["step"] == "train":
            folder = Folder.at(step["checkpoint"])
            record = open_checkpoint(folder)
            snapshot = identify(record, Snapshot(folder.uri, "tuned by this run"))
            yield Model(step["model"], record, engines[step["model"]], snapshot, snapshot.content)


def _compare(jobs: list[EmbedJob], store: Folder, options: Embedding, allow_remote_code: bool) -> list[Certificate]:
    """The certificate of the artifact of each job, whatever versions made it; InputError where one is not there."""
    by_folder: dict[Folder, State] = {}
    states = []
    for job in jobs:
        identity = job.identity()
        folder = _shared(job, identity, by_folder) or job.folder(store, identity)
        if folder not in by_folder:
            by_folder[folder] = State(job, identity, folder, plan_windows(job.index, job.chosen))
        states.append(by_folder[folder])
    lost = [str(folder) for folder in by_folder if not is_complete(folder)]
    if lost:
        raise InputError(f"{len(lost)} set(s) of vectors are not in the store any more, the first: {lost[0]}")
    for state in by_folder.values():
        state.then, state.others = read_record(state.folder).get("versions") or {}, part_names(state.folder)

    def encode(samples: list[State], progress: Progress) -> None:
        encode_samples(samples, options, allow_remote_code, progress)

    give_certificates(list(by_folder.values()), store, encode, always=True)
    return [state.certificate for state in states if state.certificate is not None]


def _shared(job: EmbedJob, identity: dict[str, object], by_folder: dict[Folder, State]) -> Folder | None:
    """The artifact of an earlier view with the same texts."""
    for folder, one in by_folder.items():
        if (one.job.landscape, one.identity) == (job.landscape, identity):
            return folder
    return None


def _origin(job: EmbedJob, certificate: Certificate) -> Origin:
    where = job.landscape, job.view.name, job.model, job.role
    return Origin("embed", *where, "certified", certificate)


def format_certified(found: list[Origin]) -> str:
    """A line a set of vectors, the last one says whether all agree."""
    lines = []
    for one in found:
        assert one.certificate is not None
        changed = changed_versions(one.certificate.then, one.certificate.now) or "same versions"
        verdict = "agrees" if one.certificate.agrees else "DOES NOT AGREE"
        lines.append(f"{verdict:<15} {one.model}  {one.name}  {one.certificate.words}  ({changed})")
    wrong = sum(one.certificate is not None and not one.certificate.agrees for one in found)
    last = f"{wrong} of {len(found)} sets do not agree: `patray run SUITE --reembed` makes them again"
    return "\n".join([*lines, last if wrong else f"all {len(found)} sets of vectors agree"])
