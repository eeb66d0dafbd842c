"""The header of a profile, `profile.json`: format version, device, variants, how it was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compsel.errors import ProfileError, VersionError
from compsel.profiling.output_quality import QualityCriterion
from compsel.storage.files import write_json
from compsel.storage.strict_json import read_json
from compsel.variants.variant import Variant

__all__ = ["FORMAT_VERSION", "read_header", "write_header"]

FORMAT_VERSION = 1
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "variants": list,
    "n_classes": int,
    "device": dict,
    "features_ms": dict,
    "decode_ms": (int, float),
    "warnings": list,
    "left_out": dict,
    "judging": (dict, type(None)),
    "origin": str,
    "sketch": str,
    "task": str,
}


def read_header(folder: Path) -> dict[str, Any]:
    """Read `profile.json`.

    Raises:
        ProfileError: none there, or a damaged one.
        VersionError: written by a newer compsel.
    """
    path = folder / "profile.json"
    try:
        header = read_json(path)
        version = header["format_version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"format_version: got {version!r}, allowed is a whole number from 1")
    except FileNotFoundError as error:
        raise ProfileError(f"{folder}: has no profile.json{_instead(Path(folder))}") from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"{path}: cannot be read: measure again ({error})") from error
    if version > FORMAT_VERSION:
        raise VersionError(f"{path}: format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer one")
    for name, kind in _KINDS.items():
        if name in header and not isinstance(header[name], kind):
            raise ProfileError(f"{path}: is damaged ({name} is {str(header[name])[:80]!r}): measure again")
    return dict(header)


# many parameters: the fields of the file
def write_header(
    folder: Path,
    variants: Sequence[Variant],
    n_classes: int,
    device: Mapping[str, Any],
    features_ms: Mapping[str, float],
    origin: str,
    criterion: QualityCriterion | None = None,
    decode_ms: float = 0.0,
    sketch: str = "",
    warnings: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
    task: str = "",
    processors: Sequence[str] = (),
) -> None:
    """Write `profile.json`; see `Profile` for what goes in."""
    write_json(
        folder / "profile.json",
        {
            "format_version": FORMAT_VERSION,
            "origin": origin,
            "n_classes": n_classes,
            "device": dict(device),
            **({"processors": list(processors)} if processors else {}),
            "features_ms": dict(features_ms),
            "decode_ms": decode_ms,
            "warnings": list(warnings),
            "left_out": dict(left_out or {}),
            "judging": criterion.to_dict() if criterion else None,
            "sketch": sketch,
            **({"task": task} if task else {}),
            "variants": [variant.to_dict() for variant in variants],
        },
    )


def _instead(folder: Path) -> str:
    """Return what a folder without a profile is, and what to do."""
    if not folder.is_dir():
        return ", it is no folder: check the path, or make one with compsel profile"
    if (folder / "manifest.json").is_file():
        return f", it is a bundle: give what its build measured (build leaves it in {folder}.work)"
    return ": make one with compsel profile"
