"""What is written is read again; what does not fit together is refused with one clear error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.bundle.manifest import write_manifest
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.errors import BundleError, MissingDependencyError, ModelError, StorageError, VersionError
from compsel.models.ort_version import check_ort_version
from compsel.profiling.profile import Profile
from compsel.runtime import Bundle
from compsel.selection.policies import CascadePolicy
from tests.cascade_bundle import INT8, LATENCY_MS, LOWER, NONE, PENALTY, SELECTOR, costs


def change(bundle: Path, file: str, edit: Callable[[Any], Any]) -> None:
    """Edit a JSON file of a bundle and list it anew, as one who builds bundles by hand would."""
    content = json.loads((bundle / file).read_text())
    (bundle / file).write_text(json.dumps(edit(content)))
    write_manifest(bundle, "0")


def test_bundle_is_read_as_it_was_written(cascade_folder: Path, profile: Profile) -> None:
    bundle = Bundle.load(cascade_folder)
    assert bundle.variants == {variant.name: variant for variant in profile.variants}
    assert list(bundle.policies) == ["adaptive", "most_accurate", "fastest", "best_static", "premodel"]
    assert bundle.quality == dict(zip(profile.names, profile.quality.mean(axis=0).tolist(), strict=True))
    np.testing.assert_array_equal(bundle.costs.latency_ms, costs().latency_ms)
    assert bundle.costs.choices == costs().choices
    assert bundle.summary == {"penalty_ms": PENALTY, "shipped": "cascade"}
    written = json.loads((cascade_folder / "policies.json").read_text())
    assert json.loads(json.dumps({name: policy.to_dict() for name, policy in bundle.policies.items()})) == written


@pytest.mark.parametrize("value", ["0.9", True, 1.5, -0.1, [0.9]])
def test_an_expected_quality_that_is_no_fraction_is_refused(cascade_folder: Path, tmp_path: Path, value: Any) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(cascade_folder, folder)
    change(folder, "policies.json", lambda all_: {**all_, "adaptive": {**all_["adaptive"], "expected_quality": value}})
    with pytest.raises(BundleError, match="expected_quality"):
        Bundle.load(folder)


def test_a_bundle_of_format_1_is_read(cascade_folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(cascade_folder, old)
    added = ("easiness", "guard", "least_sure")

    def without(policies: dict[str, Any]) -> dict[str, Any]:
        return {name: {k: v for k, v in policy.items() if k not in added} for name, policy in policies.items()}

    change(old, "policies.json", without)
    manifest = json.loads((old / "manifest.json").read_text())
    (old / "manifest.json").write_text(json.dumps({**manifest, "format_version": 1}))
    bundle = Bundle.load(old)
    policy = bundle.policies["adaptive"]
    assert isinstance(policy, CascadePolicy)
    assert (policy.policy.difficulty, policy.ood_fallback, policy.least_sure, policy.extractor) == (None, None, 0.0, "")
    assert policy.to_dict() == Bundle.load(cascade_folder).policies["adaptive"].to_dict()


def test_bundle_holds_only_what_its_policies_use(cascade_folder: Path, profile: Profile, tmp_path: Path) -> None:
    bundle = Bundle.load(cascade_folder)
    fixed = {"adaptive": bundle.policies["fastest"]}
    write(bundle, tmp_path / "small", policies=fixed, selectors={})
    small = Bundle.load(tmp_path / "small")
    assert list(small.variants) == [LOWER]
    assert small.costs.choices == ((LOWER, "cpu:1"),)
    assert {path.name for path in (tmp_path / "small" / "variants").iterdir()} == set(bundle.variants[LOWER].files)


def write(bundle: Bundle, folder: Path, **changes: Any) -> None:
    content: dict[str, Any] = {
        "variants": tuple(bundle.variants.values()),
        "files": bundle.folder / "variants",
        "policies": bundle.policies,
        "selectors": {SELECTOR: (bundle.folder / SELECTOR).read_bytes()},
        "objective": bundle.objective,
        "quality": bundle.quality,
        "costs": bundle.costs,
        "summary": bundle.summary,
    }
    write_bundle(BundleContent(**(content | changes)), folder)


def test_writing_what_was_read_gives_the_same_bytes(cascade_folder: Path, tmp_path: Path) -> None:
    write(Bundle.load(cascade_folder), tmp_path / "again")
    files = sorted(path.relative_to(cascade_folder) for path in cascade_folder.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    for file in files:
        assert (cascade_folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_figures_that_do_not_exist_are_null(cascade_folder: Path, tmp_path: Path) -> None:
    write(Bundle.load(cascade_folder), tmp_path / "bundle", summary={"gap": float("nan"), "low": [float("-inf"), 1.0]})
    assert Bundle.load(tmp_path / "bundle").summary == {"gap": None, "low": [None, 1.0]}


def test_folder_that_is_there_is_kept(cascade_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StorageError, match="there already"):
        write(Bundle.load(cascade_folder), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_bundle_that_fails_halfway_leaves_nothing(cascade_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(Bundle.load(cascade_folder), tmp_path / "bundle", files=tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


WRONG: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "no policies": ("policies.json", lambda content: {}),
    "policies in a list": ("policies.json", list),
    "no adaptive policy": (
        "policies.json",
        lambda content: {name: policy for name, policy in content.items() if name != "adaptive"},
    ),
    "unknown policy": ("policies.json", lambda content: content | {"adaptive": {"kind": "oracle"}}),
    "policy without variants": (
        "policies.json",
        lambda content: content | {"adaptive": {"kind": "fixed", "variants": []}},
    ),
    "policy of a variant that is not there": (
        "policies.json",
        lambda content: content | {"adaptive": {"kind": "fixed", "variants": ["x"]}},
    ),
    "variant outside": ("bundle.json", lambda content: content | {"variants": outside(content["variants"])}),
    "selector outside": ("bundle.json", lambda content: content | {"selectors": ["../selector.onnx"]}),
    "selector that is another file": ("bundle.json", lambda content: content | {"selectors": ["bundle.json"]}),
    "selector missing": ("bundle.json", lambda content: content | {"selectors": []}),
    "selector of other features": (
        "policies.json",
        lambda content: content | {"premodel": content["premodel"] | {"extractor": "lctes"}},
    ),
    "selector of unknown features": (
        "policies.json",
        lambda content: content | {"premodel": content["premodel"] | {"extractor": "sorcery"}},
    ),
    "selector of more variants": (
        "policies.json",
        lambda content: content | {"premodel": content["premodel"] | {"variants": [NONE, INT8]}},
    ),
    "cascade without a root": (
        "policies.json",
        lambda content: content | {"adaptive": content["adaptive"] | {"nodes": content["adaptive"]["nodes"][1:]}},
    ),
    "unknown objective": ("bundle.json", lambda content: content | {"objective": {"minimize": "beauty"}}),
    "objective with a word too many": ("bundle.json", lambda content: content | {"objective": {"colour": 1}}),
    "variant without a name": ("bundle.json", lambda content: content | {"variants": [{}]}),
    "quality of nothing": ("bundle.json", lambda content: content | {"quality": {}}),
    "bundle.json is a list": ("bundle.json", lambda content: [content]),
    "costs without a table": ("costs.json", lambda content: content | {"latency_ms": []}),
    "costs of fewer choices": ("costs.json", lambda content: content | {"choices": content["choices"][:2]}),
    "costs of fewer states": ("costs.json", lambda content: content | {"states": [[0.0]]}),
    "costs of no state": ("costs.json", lambda content: content | {"states": [[-1.0], [0.0]]}),
    "costs that are not numbers": ("costs.json", lambda content: content | {"p95_ms": [[None] * 3] * 2}),
}


def outside(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [variant | {"tensor_file": "../../" + variant["tensor_file"]} for variant in variants]


@pytest.mark.parametrize("case", WRONG)
def test_content_that_does_not_fit_together_is_refused(copied: Path, case: str) -> None:
    file, edit = WRONG[case]
    for variant in Bundle.load(copied).variants.values():  # the files outside are there: that is no reason to take them
        (copied.parent.parent / variant.tensor_file).write_bytes(b"")
    (copied.parent / "selector.onnx").write_bytes((copied / SELECTOR).read_bytes())
    change(copied, file, edit)
    with pytest.raises(BundleError, match=r"build it again|build the bundle again"):
        Bundle.load(copied)


def test_selector_of_a_newer_format_is_a_version_error(copied: Path) -> None:
    import onnx

    model = onnx.load(copied / SELECTOR)
    for entry in model.metadata_props:
        if entry.key == "compsel.selector.version":
            entry.value = "99"
    onnx.save(model, copied / SELECTOR)
    write_manifest(copied, "0")
    with pytest.raises(VersionError):
        Bundle.load(copied)


def test_processor_that_is_not_here_is_refused_with_what_to_do(copied: Path) -> None:
    change(copied, "costs.json", lambda _: costs("cpu:512").to_dict())
    with pytest.raises(BundleError, match=r"cpu:512.*measure this device with compsel profile"):
        compsel.load(copied)


def test_processor_of_an_unknown_kind_is_refused_with_what_to_do(copied: Path) -> None:
    change(copied, "costs.json", lambda _: costs("quantum:0").to_dict())
    with pytest.raises(BundleError, match="quantum:0"):
        compsel.load(copied)


def test_processors_that_are_not_here_are_left_out(copied: Path) -> None:
    def more(content: dict[str, Any]) -> dict[str, Any]:
        table = [row + [0.001] * len(row) for row in content["latency_ms"]]
        choices = content["choices"] + [[name, "cpu:512"] for name in LATENCY_MS]
        return content | {"choices": choices, "latency_ms": table, "p95_ms": table}

    change(copied, "costs.json", more)
    with compsel.load(copied, policy="fastest") as runtime:
        assert runtime(np.zeros((40, 40, 3), np.uint8)).choice == f"{LOWER}@cpu:1"


def test_graph_that_the_runtime_cannot_load_is_a_model_error(copied: Path) -> None:
    for file in (copied / "variants").glob("*.onnx"):
        file.write_bytes(b"not a graph")
    write_manifest(copied, "0")
    with pytest.raises(ModelError):
        compsel.load(copied)


def test_unknown_policy_is_refused_with_what_there_is(cascade_folder: Path) -> None:
    with pytest.raises(BundleError, match=r"'oracle'.*adaptive, most_accurate, fastest"):
        compsel.load(cascade_folder, policy="oracle")


def test_variants_know_what_they_are(cascade_folder: Path) -> None:
    variants = Bundle.load(cascade_folder).variants
    assert [variants[name].inputs[0].shape for name in (NONE, INT8, LOWER)] == [
        (None, 3, 224, 224),
        (None, 3, 224, 224),
        (None, 3, 128, 128),
    ]


def test_an_old_onnx_runtime_loads_no_bundle(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_ort_version, "__defaults__", ("1.24.1",))
    with pytest.raises(MissingDependencyError, match=r"ONNX Runtime 1\.24\.1 is installed.*onnxruntime>=1\.25"):
        compsel.load(copied)
    for version in ("1.25.0", "1.26.0.dev20260101", "2.0", "unknown"):
        check_ort_version(version)
