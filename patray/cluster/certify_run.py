"""`patray certify RUN`: encode a sample of every artifact of a finished run again and compare it, versions or not."""

from __future__ import annotations

from collections.abc import Iterator

from patray.artifacts import is_complete, read_record
from patray.cluster.certify import give_certificates
from patray.cluster.embed import Means, State, encode_samples
from patray.cluster.execute import Execution
from patray.cluster.go_on import go_on
from patray.cluster.models import Model, find_models
from patray.cluster.start import connect
from patray.encoders.certificate import Certificate, changed_versions
from patray.encoders.vectors import part_names
from patray.errors import InputError
from patray.files import Folder
from patray.models.content import identify
from patray.models.resolve import Snapshot
from patray.progress import Progress
from patray.recipes.checkpoint import open_checkpoint
from patray.report.write import write_report
from patray.runs.origins import Origin, write_certified
from patray.runs.provenance import suite_of
from patray.runs.run_files import work_directory
from patray.runs.step_record import records_of
from patray.runs.suite import Suite
from patray.steps.embed import EmbedStep, made_by


def certify_run(run: Folder) -> list[Origin]:
    """The certificate of every set of vectors of a finished run, written into it and its report.

    The run must lie in its work directory with its vectors. Raises InputError where it is not finished or vectors are
    gone or no model made any, ModelError where a model's files are not those of the run.
    """
    if not run.exists("provenance.json"):
        raise InputError(f"{run}: this run is not finished (no provenance.json)")
    store = work_directory(run)
    suite = suite_of(run)
    if not suite.models:
        raise InputError(
            f"{run}: no model made vectors here, so there is nothing to certify (vectors of Python functions and of "
            "files are taken as they are)"
        )
    models = find_models((entry for entry in suite.models if entry.tuned is None), suite.models_from)
    connect()
    found = go_on(lambda _: _certify(run, store, suite, models), None)
    write_certified(run, found)
    write_report(run)
    return found


def _certify(run: Folder, store: Folder, suite: Suite, untuned: list[Model]) -> list[Origin]:
    execution = Execution(suite, store, run, untuned, store)
    execution.prepare()
    engines = {str(entry.name): str(entry.engine) for entry in suite.models if entry.tuned is not None}
    models = [*untuned, *_tuned(run, engines)]
    execution.index()
    found = []
    for model in models:
        steps = execution.embed_steps(model)
        if steps:
            certificates = _compare(steps, execution.means(model), store)
            found += [_origin(step, one) for step, one in zip(steps, certificates, strict=True)]
    return found


def _tuned(run: Folder, engines: dict[str, str]) -> Iterator[Model]:
    """The models that the run tuned, from the checkpoints that its provenance names."""
    for step in records_of(run.read_json("provenance.json"), "train"):
        folder = Folder.at(step["checkpoint"])
        record = open_checkpoint(folder)
        snapshot = identify(record, Snapshot(folder.uri, "tuned by this run"))
        yield Model(step.model, record, engines[step.model], snapshot, snapshot.content)


def _compare(steps: list[EmbedStep], means: Means, store: Folder) -> list[Certificate]:
    """The certificate of the artifact of each step, whatever versions made it; InputError where one is not there."""
    makers = made_by(steps)
    states = {
        folder: State(one, folder, one.texts.windows())
        for folder, one in {one.folder(store): one for one in makers}.items()
    }
    lost = [str(state.folder) for state in states.values() if not is_complete(state.folder)]
    if lost:
        raise InputError(f"{len(lost)} set(s) of vectors are not in the store any more, the first: {lost[0]}")
    for state in states.values():
        state.then, state.others = read_record(state.folder).get("versions") or {}, part_names(state.folder)

    def encode(samples: list[State], progress: Progress) -> None:
        encode_samples(samples, means, progress)

    give_certificates(list(states.values()), store, encode, always=True)
    found = [states[one.folder(store)].certificate for one in makers]
    return [certificate for certificate in found if certificate is not None]


def _origin(step: EmbedStep, certificate: Certificate) -> Origin:
    where = step.landscape, step.view.name, step.model, step.role
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
