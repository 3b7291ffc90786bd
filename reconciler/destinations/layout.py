"""The names of one run's files: templates rendered, and checked again to be plain paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.destinations.errors import failure
from reconciler.resources.formats import CsvFormat, Files, JsonFormat, ParquetFormat, extension
from reconciler.resources.template import Template, TemplateError, TemplateValues, check_path, parse_template

REMOVED = "_removed"


@dataclass(frozen=True, slots=True)
class Layout:
    """`folder` and names are relative to the destination's path."""

    folder: str
    run_id: str
    _name: Template
    _values: TemplateValues
    _encrypted: str = ""

    def file(self, part: int) -> str:
        """The name of a part, from 0, without its folder: what the manifest lists. Raises DestinationError D109."""
        name = _checked(self._name.render(replace(self._values, part=part)))
        if "/" in name:
            raise failure("D109", f"The file's name {name!r} holds a folder. Correct files.name.")
        return name if name.endswith(self._encrypted) else f"{name}{self._encrypted}"

    def path(self, part: int) -> str:
        """The name of a part in its folder."""
        return f"{self.folder}/{self.file(part)}"

    def removed(self, part: int) -> str:
        """The name, from part 0, of a file that says who left: in a folder that readers of data folders skip."""
        return f"{self.folder}/{REMOVED}/{self.file(part)}"

    @property
    def manifest(self) -> str:
        """`<folder>/_manifest-<run id>.json`; most readers of data folders skip names that begin with `_`."""
        return f"{self.folder}/_manifest-{self.run_id}.json"


def layout(
    files: Files,
    file_format: ParquetFormat | JsonFormat | CsvFormat,
    *,
    destination: str,
    source: str,
    source_id: str,
    slot: datetime,
    run_id: str,
    feed: str = "",
    on_demand: bool = False,
    encrypted: str = "",
) -> Layout:
    """The layout of a run. `slot` is aware; an on-demand run's id follows the slot in the folder, so that it has its
    own. `encrypted`: what names of encrypted files end with, whatever the template says.

    Raises DestinationError D109: a template that was applied doesn't give a plain path.
    """
    values = TemplateValues(destination, source, source_id, slot, run_id, ext=extension(file_format), feed=feed)
    try:
        folder, name = parse_template(files.folder), parse_template(files.name)
    except TemplateError as error:
        raise failure("D109", str(error)) from error
    rendered = _checked(folder.render(replace(values, on_demand=on_demand)))
    return Layout(rendered, run_id, name, values, f".{encrypted}" if encrypted else "")


def _checked(path: str) -> str:
    try:
        return check_path(path)
    except TemplateError as error:
        raise failure("D109", f"{path!r}: {error}") from error
