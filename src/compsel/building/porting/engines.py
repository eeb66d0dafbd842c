"""The variants of a bundle, opened on every processor of this device that runs all of them."""

from collections.abc import Sequence
from pathlib import Path

from compsel.errors import BundleError, ModelError, ProcessorError
from compsel.processors import discover
from compsel.processors.base import Processor
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["open_engines"]


def open_engines(variants: Sequence[Variant], files: Path) -> dict[tuple[str, str], Engine]:
    """Open every variant on every processor of this device that runs all of them.

    Raises:
        BundleError: there is none.
    """
    engines: dict[tuple[str, str], Engine] = {}
    reasons: list[str] = []
    for processor in (processor for processor, found in discover() if found.available):
        opened, reason = _open_all(variants, files, processor)
        engines |= opened
        reasons += [f"{processor.name}: {reason}"] * bool(reason)
    if not engines:
        raise BundleError(f"{files.parent}: no processor of this device runs its variants ({'; '.join(reasons)})")
    return engines


def _open_all(
    variants: Sequence[Variant], files: Path, processor: Processor
) -> tuple[dict[tuple[str, str], Engine], str]:
    opened: dict[tuple[str, str], Engine] = {}
    try:
        for variant in variants:
            opened[variant.name, processor.name] = Engine(variant, files, processor)
    except (ModelError, ProcessorError) as error:
        for engine in opened.values():
            engine.close()
        return {}, str(error)
    return opened, ""
