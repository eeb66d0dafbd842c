"""The header of a profile, `profile.json`: format version, device, variants, how it was made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compsel.errors import ProfileError, VersionError
from compsel.profiling.output_quality import QualityCriterion
from compsel.storage.files import write_json
from compsel.variants.variant import Variant

__all__ = ["FORMAT_VERSION", "read_header", "write_header"]

FORMAT_VERSION = 1


def read_header(folder: Path) -> dict[str, Any]:
    """Read `profile.json`.

    Raises:
        ProfileError: none there, or a damaged one.
        VersionError: written by a newer compsel.
    """
    path = folder / "profile.json"
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(header["format_version"])
    except FileNotFoundError as error:
        raise ProfileError(f"{folder}: has no profile.json: make one with compsel profile") from error
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProfileError(f"{path}: cannot be read: measure again ({error})") from error
    if version > FORMAT_VERSION:
        raise VersionError(f"{path}: format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer one")
    return header


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
) -> None:
    """Write `profile.json`; see `Profile` for what goes in."""
    write_json(
        folder / "profile.json",
        {
            "format_version": FORMAT_VERSION,
            "origin": origin,
            "n_classes": n_classes,
            "device": dict(device),
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
