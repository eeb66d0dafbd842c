"""Values of a bundle that are none: refused with one of the package's errors, whoever listed the file anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.errors import BundleError

Edit = Callable[[Any], Any]


def edit(bundle: Path, file: str, change: Edit) -> None:
    content = json.loads((bundle / file).read_text())
    change(content)
    (bundle / file).write_text(json.dumps(content))
    write_manifest(bundle, "0")


def test_two_variants_of_one_name(copied: Path) -> None:
    edit(copied, "bundle.json", lambda content: content["variants"].append(content["variants"][0]))
    with pytest.raises(BundleError, match="two variants of one name"):
        Bundle.load(copied)


@pytest.mark.parametrize("quality", [-0.1, 1.5, True, "0.9", None, [0.5], 10**400])
def test_qualities_that_are_no_fractions(copied: Path, quality: Any) -> None:
    edit(copied, "bundle.json", lambda content: content["quality"].update({next(iter(content["quality"])): quality}))
    with pytest.raises(BundleError, match=r"quality: got .*, allowed is a fraction|does not fit together"):
        Bundle.load(copied)


@pytest.mark.parametrize("kind", ["scores", "", None, 3, ["logits"]])
def test_kinds_of_outputs_that_there_are_not(copied: Path, kind: Any) -> None:
    edit(copied, "bundle.json", lambda content: content["variants"][0].update(output=kind))
    with pytest.raises(BundleError):
        Bundle.load(copied)


@pytest.mark.parametrize("processor", ["", "cpu", "cpu:-1", "cpu:two", 1, None, ["cpu:1"], {}])
def test_processors_that_are_none(copied: Path, processor: Any) -> None:
    edit(copied, "costs.json", lambda content: [choice.__setitem__(1, processor) for choice in content["choices"]])
    with pytest.raises(BundleError):
        compsel.load(copied, warm_up=False)


@pytest.mark.parametrize("variants", ["a name", 3, None, {}, [3], [[]], [None]])
def test_variants_of_policies_that_are_no_names(copied: Path, variants: Any) -> None:
    edit(copied, "policies.json", lambda content: content["fastest"].update(variants=variants))
    with pytest.raises(BundleError):
        Bundle.load(copied)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", '{"a": 1, "a": 1}', "[" * 10_000, "9" * 5000, '"\ud800']
)
@pytest.mark.parametrize("file", ["bundle.json", "policies.json", "costs.json"])
def test_json_that_is_more_than_json(copied: Path, file: str, text: str) -> None:
    whole = (copied / file).read_text().rstrip().removesuffix("}")
    (copied / file).write_bytes(f'{whole}, "more": {text}}}'.encode("utf-8", "surrogatepass"))
    write_manifest(copied, "0")
    with pytest.raises(BundleError, match="does not fit together"):
        Bundle.load(copied)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), "80", [80]])
def test_memory_limits_that_are_none(cascade_folder: Path, limit: Any) -> None:
    with pytest.raises(BundleError, match="memory_limit_mb: got"):
        compsel.load(cascade_folder, memory_limit_mb=limit)
