"""Bundles: what one of their files says, listed anew in the manifest, and the manifest itself."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import INDEX, costs_on, write_device_costs
from compsel.bundle.manifest import MANIFEST, write_manifest
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.device.kind import DeviceKind
from compsel.models.model import Model
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.variants.writer import write_variant
from tests.fuzzing.target import Target
from tests.run_models import parsed

__all__ = ["TARGETS"]

_KIND = DeviceKind("a processor", "simulated", 2, ("avx2",))
_MODEL = "g (float[n, 4] x) => (float[n, 3] y) <float[4, 3] w = {1, 2, 3, -4, 5, 6, 7, -8, 9, 1, 0.5, -2}> "
_MODEL += "{ y = MatMul(x, w) }"
_WORDS = (
    b'"format_version"', b'"variants"', b'"quality"', b'"objective"', b'"selectors"', b'"inputs"', b'"shape"',
    b'"dtype"', b'"files"', b'"sha256"', b'"size_bytes"', b'"kind"', b'"choices"', b"null", b"true", b"NaN", b"1e999",
    b"-1", b"[]", b"{}", b'"../x"', b"\\ud800",
)  # fmt: skip


@cache
def _bundle() -> Path:
    """Return a bundle of one small model."""
    folder = Path(tempfile.mkdtemp(prefix="compsel-fuzzed-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "files").mkdir()
    variant = write_variant(Model("dense", parsed(_MODEL)), folder / "files", "other")
    costs = CostModel(((variant.name, "cpu:1"),), np.array([[0.0]]), np.ones((1, 1)), np.ones((1, 1)))
    policies = {"adaptive": FixedPolicy(variant.name)}
    content = BundleContent((variant,), folder / "files", policies, {}, Objective(), {variant.name: 1.0}, costs, {})
    write_bundle(content, folder / "bundle")
    write_device_costs(folder / "bundle", {_KIND: costs, replace(_KIND, cores=4): costs})
    write_manifest(folder / "bundle", "0")
    return folder / "bundle"


def _reader(name: str) -> Callable[[bytes], Any]:
    """Return a reader of a bundle in which a file has other bytes."""

    def read(data: bytes) -> Any:
        template = _bundle()
        with tempfile.TemporaryDirectory(dir=template.parent) as folder:
            bundle = Path(shutil.copytree(template, Path(folder) / "bundle"))
            (bundle / name).write_bytes(data)
            if name != MANIFEST:
                write_manifest(bundle, "0")
            loaded = Bundle.load(bundle)
            return repr(loaded), costs_on(loaded, _KIND)[1]

    return read


def _seeds(name: str) -> Callable[[], Mapping[str, bytes]]:
    return lambda: {"written": (_bundle() / name).read_bytes()}


def _title(name: str) -> str:
    return {INDEX: "device-costs", f"device_costs/{_KIND.key}.json": "costs-of-kind"}.get(name, Path(name).stem)


TARGETS = tuple(
    Target(f"bundle-{_title(name)}", _reader(name), _seeds(name), words=_WORDS)
    for name in ("bundle.json", "policies.json", "costs.json", MANIFEST, INDEX, f"device_costs/{_KIND.key}.json")
)
