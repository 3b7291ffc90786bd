"""Activations to flows: each audience or dataset that one names or selects, on its destination, fully resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.catalog.base import FormatName
from reconciler.config.accounts import account_of
from reconciler.config.alerts import effective_alerts
from reconciler.config.changes import check_limit, check_told
from reconciler.config.columns import export_columns
from reconciler.config.desired import DesiredFlow
from reconciler.config.encryption import Keys
from reconciler.config.exclusions import consent_rule, suppressions
from reconciler.config.handover import adopting, transfer_to
from reconciler.config.increments import flow_dataset
from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.resources.activation import Selector
from reconciler.resources.destination import DestinationSpec
from reconciler.resources.effective import (
    EffectiveDestination,
    EffectiveSource,
    ExportColumn,
    FlowSpec,
)
from reconciler.resources.formats import DEFAULT_FOLDER, FEED_FOLDER, Files
from reconciler.resources.resource import (
    Account,
    Activation,
    Audience,
    Dataset,
    Destination,
    Schedule,
)
from reconciler.resources.template import TemplateError, parse_template
from reconciler.values.identity import FlowId, SourceKind


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An audience or dataset that an activation names or selects, and where it does."""

    resource: Audience | Dataset
    path: Path


@dataclass
class Flows:
    """Builds the flows of a project, activation by activation, reporting into the index."""

    index: Index
    keys: Keys
    flows: dict[FlowId, DesiredFlow] = field(default_factory=dict)
    destinations: dict[str, EffectiveDestination] = field(default_factory=dict)
    _declared: dict[FlowId, tuple[Entry, Path]] = field(default_factory=dict)
    _exported: dict[tuple[str, str], tuple[ExportColumn, ...] | None] = field(default_factory=dict)

    def build(self) -> None:
        """All destinations, all activations."""
        for entry, destination in self.index.all(Destination):
            self._destination(entry, destination)
        for entry, dataset in self.index.all(Dataset):
            account_of(self.index, entry, dataset.spec.account, ("aws",), "A dataset in S3")
        for entry, audience in self.index.all(Audience):
            self.index.resolve(Dataset, audience.spec.dataset, entry, ("spec", "dataset"))
        for entry, activation in self.index.all(Activation):
            self._activation(entry, activation)
        self._folders()

    def _destination(self, entry: Entry, destination: Destination) -> None:
        spec = destination.spec
        about = spec.about
        for at, data_type in enumerate(spec.accepts or ()):
            if data_type not in about.accepts:
                detail = f"Destinations of type {spec.type} take {', '.join(about.accepts)}."
                self.index.report("R104", entry, ("spec", "accepts", at), detail)
        self._format(entry, spec, spec.format.type, ("spec", "format"))
        account = account_of(self.index, entry, spec.account_name, about.accounts, f"A destination of type {spec.type}")
        # Alerts are the flows' own: to tell somebody else is no change of the connection.
        quiet = spec.model_copy(update={"alerts": ()})
        self.destinations[entry.name] = EffectiveDestination(
            name=entry.name, spec=quiet, account=account, recipient_keys=self.keys.get(entry.name)
        )

    def _format(self, entry: Entry, to: DestinationSpec, wanted: FormatName, path: Path) -> None:
        if wanted not in to.about.formats:
            detail = f"Destinations of type {to.type} are written as {', '.join(to.about.formats)}, not as {wanted}. Choose one of them."
            self.index.report("R142", entry, path, detail, key=True)

    def _activation(self, entry: Entry, activation: Activation) -> None:
        index, spec = self.index, activation.spec
        destination = index.resolve(Destination, spec.destination, entry, ("spec", "destination"))
        schedule = index.resolve(Schedule, spec.schedule, entry, ("spec", "schedule"))
        named = (spec.audiences, spec.datasets, spec.audience_selector, spec.dataset_selector)
        if not any(named):
            detail = "Name what is exported under audiences or datasets, or select it by labels."
            index.report("R118", entry, ("spec",), detail, key=True)
        chosen = list(self._chosen(entry, activation))
        if destination is None:
            return
        if destination.spec.recipient is not None:
            self._third_party(entry, activation, destination)
        if spec.format is not None:
            self._format(entry, destination.spec, spec.format.type, ("spec", "format"))
        own = spec.files
        self._feed(entry, activation, own.over(destination.spec.files) if own is not None else destination.spec.files)
        for each in chosen:
            self._flow(entry, activation, destination, schedule, each)

    def _third_party(self, entry: Entry, activation: Activation, destination: Destination) -> None:
        whose = f"Destination {destination.metadata.name} has a recipient, a third party"
        if activation.spec.columns is None:
            self.index.report(
                "R105", entry, ("spec",), f"{whose}: list the columns that leave under columns.", key=True
            )
        if activation.spec.backfill is None:
            detail = f"{whose}: say what the first export holds with backfill: full, none or {{from: …}}."
            self.index.report("R106", entry, ("spec",), detail, key=True)

    def _chosen(self, entry: Entry, activation: Activation) -> Iterator[_Chosen]:
        spec = activation.spec
        yield from self._sources(
            entry, Audience, "audiences", spec.audiences, "audienceSelector", spec.audience_selector
        )
        yield from self._sources(entry, Dataset, "datasets", spec.datasets, "datasetSelector", spec.dataset_selector)

    def _sources(
        self,
        entry: Entry,
        kind: type[Audience] | type[Dataset],
        key: str,
        names: tuple[str, ...],
        selector_key: str,
        selector: Selector | None,
    ) -> Iterator[_Chosen]:
        seen: set[str] = set()
        for at, name in enumerate(names):
            path: Path = ("spec", key, at)
            if name in seen:
                self.index.report(
                    "R119", entry, path, f"{kind.__name__} {name} is already named in this list. Remove one."
                )
                continue
            seen.add(name)
            resource = self.index.resolve(kind, name, entry, path)
            if resource is not None:
                yield _Chosen(resource, path)
        if selector is None:
            return
        matched = list(self._selected(kind, selector))
        if not matched and not self.index.refused(kind.__name__):
            wanted = ", ".join(f"{name}: {value}" for name, value in sorted(selector.match_labels.items()))
            detail = f"No {kind.__name__} has the labels {{{wanted}}}. Correct them, or add them to one."
            self.index.report("R111", entry, ("spec", selector_key), detail)
        for resource in matched:
            if resource.metadata.name not in seen:
                yield _Chosen(resource, ("spec", selector_key))

    def _selected(self, kind: type[Audience] | type[Dataset], selector: Selector) -> Iterator[Audience | Dataset]:
        wanted = selector.match_labels.items()
        entries = self.index.all(Audience) if kind is Audience else self.index.all(Dataset)
        for _, resource in entries:
            if wanted <= resource.metadata.labels.items():
                yield resource

    def _flow(
        self, entry: Entry, activation: Activation, destination: Destination, schedule: Schedule | None, chosen: _Chosen
    ) -> None:
        resource, spec = chosen.resource, activation.spec
        kind: SourceKind = "audience" if isinstance(resource, Audience) else "dataset"
        flow_id = FlowId(destination.metadata.name, kind, resource.metadata.name, spec.feed or "")
        if (first := self._declared.get(flow_id)) is not None:
            at = first[0].document.at(first[1])
            detail = (
                f"{kind.capitalize()} {flow_id.source} already goes to {flow_id.destination} by Activation "
                f"{first[0].name} ({at.path}:{at.line}). Remove it from one of the two, or give one a feed of its own."
            )
            self.index.report("R109", entry, chosen.path, detail)
            return
        self._declared[flow_id] = (entry, chosen.path)
        source = self._source(entry, activation, resource, schedule)
        if source is None or not self._accepted(entry, destination, source, chosen.path):
            return
        columns = self._columns(entry, activation, destination, source)
        consent = consent_rule(self.index, entry, activation, destination, source)
        held_back = suppressions(self.index, entry, activation, source, chosen.path, flow_id)
        if columns is None or schedule is None:
            return
        dataset = self.index.get(Dataset, source.dataset)
        of = {each.kind: each for each in (activation, destination, resource, dataset) if each is not None}.values()
        flow = FlowSpec(
            source=source,
            destination=self._overridden(self.destinations[flow_id.destination], activation),
            schedule=schedule.spec,
            activation=entry.name,
            feed=spec.feed,
            mode=spec.mode,
            backfill=spec.backfill if spec.backfill is not None else "full",
            columns=columns,
            consent=consent,
            suppressions=held_back,
            guards=spec.guards,
            override=activation.metadata.override,
            alerts=effective_alerts(self.index, activation, destination),
            on_remove=spec.on_remove,
            suspend=spec.suspend,
            protect=any(each.metadata.protect for each in of),
            transfer_to=transfer_to(self.index, entry, chosen.path, of),
        )
        check_limit(self.index, entry, flow)
        self.flows[flow_id] = DesiredFlow(flow_id, flow, entry.document, chosen.path, adopting(of))

    def _columns(
        self, entry: Entry, activation: Activation, destination: Destination, source: EffectiveSource
    ) -> tuple[ExportColumn, ...] | None:
        """The same for every source over one dataset."""
        key = (entry.name, source.dataset)
        if key not in self._exported:
            columns = export_columns(self.index, entry, activation, destination, source)
            if columns is not None:
                check_told(self.index, entry, activation, source, columns)
            self._exported[key] = columns
        return self._exported[key]

    def _overridden(self, destination: EffectiveDestination, activation: Activation) -> EffectiveDestination:
        """The destination with the activation's own format and files."""
        spec, own = destination.spec, activation.spec
        files = own.files.over(spec.files) if own.files is not None else spec.files
        if own.feed is not None and files.folder == DEFAULT_FOLDER:
            files = files.model_copy(update={"folder": FEED_FOLDER})
        changed = spec.model_copy(update={"format": own.format or spec.format, "files": files})
        return destination.model_copy(update={"spec": changed})

    def _feed(self, entry: Entry, activation: Activation, files: Files) -> None:
        """A feed's files stand apart from those of the flow without one, and no template asks for a feed that isn't there."""
        try:
            macros = parse_template(files.folder).macros | parse_template(files.name).macros
        except TemplateError:
            return
        feed = activation.spec.feed
        if feed is not None and "feed" not in macros and files.folder != DEFAULT_FOLDER:
            detail = (
                "Write {feed} into files.folder or files.name: without it, this feed shares its files with another."
            )
            self.index.report("T104", entry, ("spec", "feed"), detail)
        if feed is None and "feed" in macros:
            detail = (
                "The template of files holds {feed}, and this activation has none. Add feed, or take the macro out."
            )
            self.index.report("T104", entry, ("spec",), detail, key=True)

    def _source(
        self, entry: Entry, activation: Activation, resource: Audience | Dataset, schedule: Schedule | None
    ) -> EffectiveSource | None:
        """The resource with its dataset and account; None where a reference, reported elsewhere, doesn't resolve."""
        is_audience = isinstance(resource, Audience)
        dataset = self.index.get(Dataset, resource.spec.dataset) if isinstance(resource, Audience) else resource
        if dataset is None:
            return None
        account = self.index.get(Account, dataset.spec.account) if dataset.spec.account else None
        return EffectiveSource(
            kind="audience" if is_audience else "dataset",
            name=resource.metadata.name,
            id=resource.metadata.id,
            data_type=resource.spec.data_type if isinstance(resource, Audience) else "datasets",
            where=resource.spec.where if isinstance(resource, Audience) else None,
            dataset=dataset.metadata.name,
            dataset_spec=flow_dataset(
                self.index, entry, activation, dataset.metadata.name, dataset.spec, schedule.spec if schedule else None
            ),
            account=account.spec if account else None,
        )

    def _accepted(self, entry: Entry, destination: Destination, source: EffectiveSource, path: Path) -> bool:
        accepts = destination.spec.takes
        if source.data_type in accepts:
            return True
        about = destination.spec.about
        mend = "Add it to accepts, or use another destination."
        if source.data_type not in about.accepts:
            mend = f"Its type, {about.name}, takes no others than {', '.join(about.accepts)}: use another destination."
        detail = (
            f"{source.kind.capitalize()} {source.name} is of data type {source.data_type}, and destination "
            f"{destination.metadata.name} accepts {', '.join(accepts)}. {mend}"
        )
        self.index.report("R104", entry, path, detail)
        return False

    def _folders(self) -> None:
        """Two flows of one destination must not share a source folder, by name, by id or by a former name."""
        taken: dict[tuple[str, str, str], FlowId] = {}
        for flow_id in sorted(self.flows):
            spec = self.flows[flow_id].spec
            for folder in sorted(self._folder_names(spec)):
                first = taken.setdefault((flow_id.destination, flow_id.feed, folder.lower()), flow_id)
                if first != flow_id:
                    entry, path = self._declared[flow_id]
                    detail = (
                        f"{flow_id.kind.capitalize()} {flow_id.source} and {first.kind} {first.source} would share the "
                        f"folder {folder} on {flow_id.destination}. Give one of them a metadata.id of its own."
                    )
                    self.index.report("R113", entry, path, detail)

    def _folder_names(self, spec: FlowSpec) -> set[str]:
        """What may stand for `{source_id}`: the id, else the present name, and a former one that may be kept."""
        files = spec.destination.spec.files
        try:
            macros = parse_template(files.folder).macros | parse_template(files.name).macros
        except TemplateError:
            return set()
        if "source_id" not in macros:
            return {spec.source.name}
        if spec.source.id is not None:
            return {spec.source.id}
        kind = Audience if spec.source.kind == "audience" else Dataset
        entry = self.index.entries[kind.__name__, spec.source.name]
        former = getattr(entry.resource.metadata, "renamed_from", None)
        return {spec.source.name, former} if former else {spec.source.name}
