"""Costs by kind of device, as a fleet measured them: optional files of a bundle, of which a device reads its own.

device_costs/index.json     the kinds, and the file of each
device_costs/<kind>.json    costs of every choice there, as in costs.json

Readers of older versions pass over them, and take costs.json.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.bundle.verified_files import VerifiedFiles
from compsel.errors import BundleError
from compsel.progress.logger import log_event
from compsel.selection.costs.model import CostModel
from compsel.storage.strict_json import parse_json

if TYPE_CHECKING:
    from compsel.bundle.bundle import Bundle
    from compsel.device.kind import DeviceKind

__all__ = ["INDEX", "costs_of_kind", "costs_on", "read_kinds", "write_device_costs"]

# Raise it when a reader of the version before would misread the files; an unknown version is passed over
FORMAT_VERSION = 1
INDEX = "device_costs/index.json"
_MOST_KINDS = 10_000


def write_device_costs(folder: Path, costs: Mapping["DeviceKind", CostModel]) -> None:
    """Write costs by kind of device into the folder of a bundle, before its manifest is written.

    Args:
        folder: of the bundle.
        costs: of each kind, of the bundle's choices.

    Raises:
        StorageError: it cannot be written.
    """
    from compsel.storage.files import write_json  # what writes is not imported by an app

    (folder / INDEX).parent.mkdir(exist_ok=True)
    kinds = sorted(costs, key=lambda kind: kind.key)
    for kind in kinds:
        write_json(folder / _file_of(kind), costs[kind].to_dict())
    write_json(folder / INDEX, {"format_version": FORMAT_VERSION, "kinds": [kind.to_dict() for kind in kinds]})


def read_kinds(content: bytes) -> tuple["DeviceKind", ...]:
    """Read the kinds of an index; () where a newer compsel wrote it.

    Raises:
        ValueError, LookupError, TypeError: content that is no index.
    """
    from compsel.device.kind import DeviceKind

    index = parse_json(content)
    if not isinstance(index, dict) or type(index["format_version"]) is not int:
        raise ValueError("got no object with a format_version")
    if index["format_version"] > FORMAT_VERSION:
        return ()
    kinds = index["kinds"]
    if not isinstance(kinds, list) or len(kinds) > _MOST_KINDS or not all(isinstance(kind, dict) for kind in kinds):
        raise ValueError(f"kinds: got {type(kinds).__name__}, allowed is a list of at most {_MOST_KINDS} objects")
    return tuple(DeviceKind.of(kind) for kind in kinds)


def costs_of_kind(
    files: VerifiedFiles | None, kind: "DeviceKind | None" = None
) -> tuple[CostModel | None, "DeviceKind | None"]:
    """Return the costs of a kind of device, else of the likest one, and which one that is; None where there are none.

    Args:
        files: of the bundle.
        kind: of the device; None: of this one, which is found out only where the bundle has such costs.

    Raises:
        BundleError: files that do not fit together.
        IntegrityError: changed files.
    """
    if files is None or INDEX not in files:
        return None, None
    from compsel.device.kind import DeviceKind

    kind = kind or DeviceKind.here()
    try:
        known = read_kinds(files.read(INDEX))
        likest = max(known, key=lambda one: (one == kind, kind.likeness(one), one.key), default=None)
        if likest is None or not kind.likeness(likest):
            return None, None
        return CostModel.from_dict(parse_json(files.read(_file_of(likest)))), likest
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BundleError(f"{files.folder}: {INDEX} does not fit together ({error!r}): get the bundle again") from error


def costs_on(bundle: "Bundle", kind: "DeviceKind | None" = None) -> tuple[CostModel, str]:
    """Return the costs that hold on a kind of device, of the bundle's choices, and whose they are.

    Args:
        bundle: with them, or without.
        kind: None: this device's.

    Raises:
        BundleError, IntegrityError: see `costs_of_kind`.
    """
    found, whose = costs_of_kind(bundle.files, kind)
    if found is None or whose is None:
        return bundle.costs, ""
    places = {choice: number for number, choice in enumerate(found.choices)}
    if any(choice not in places for choice in bundle.costs.choices):
        return bundle.costs, ""
    fields: dict[str, Any] = {"folder": str(bundle.folder), "kind": whose.key, "device": whose.words}
    log_event("INFO", "device_costs", "%s: costs of %s", bundle.folder, whose.words, fields=fields)
    costs = found.take([places[choice] for choice in bundle.costs.choices])
    for ours, theirs in ((costs.by_size, bundle.costs.by_size), (costs.power_w, bundle.costs.power_w)):
        if (ours is None) != (theirs is None):
            raise BundleError(f"{bundle.folder}: costs of {whose.words} are of another kind than those of the bundle")
    if costs.by_size is not None:
        costs = replace(costs, by_size=replace(costs.by_size, sized_by=bundle.costs.sized_by))
    return costs, whose.words


def _file_of(kind: "DeviceKind") -> str:
    return f"device_costs/{kind.key}.json"
