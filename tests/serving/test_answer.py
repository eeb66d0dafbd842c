"""`POST /answer`: inputs as people have them, and answers that say how they came about."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from compsel.models.model import Model
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.policies import CascadePolicy
from compsel.serving.answering import Answering
from compsel.serving.app import create_app
from tests.cascade_bundle import NONE, cascade_policy
from tests.serving.clients import ADDRESS, client_of


def test_an_image_gets_the_answer_of_the_runtime(image_client: TestClient, runtime: Runtime, jpeg: bytes) -> None:
    direct = runtime(jpeg)
    encoded = base64.b64encode(jpeg).decode()
    responses = [
        image_client.post("/answer", content=jpeg, headers={"Content-Type": "image/jpeg"}),
        image_client.post("/answer", content=jpeg, headers={"Content-Type": "application/octet-stream"}),
        image_client.post("/answer", json={"image": encoded}),
    ]
    for response in responses:
        assert response.status_code == 200
        content = response.json()
        assert content["label"] == direct.label
        assert content["choice"].split("@")[0] == direct.choice.split("@")[0]
        shares = [one["probability"] for one in content["classes"]]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 5
        assert shares[0] == pytest.approx(direct.confidence, abs=1e-4)


def test_the_times_of_the_parts_add_up(image_client: TestClient, jpeg: bytes) -> None:
    content = image_client.post("/answer", content=jpeg, headers={"Content-Type": "image/jpeg"}).json()
    assert sum(content["parts_ms"].values()) == pytest.approx(content["latency_ms"], abs=1e-3)
    assert content["parts_ms"]["decode"] > 0
    assert content["parts_ms"]["stages"] == pytest.approx(sum(one["latency_ms"] for one in content["stages"]))


def test_the_way_taken_says_why(runtime: Runtime, profile: Profile, labelled_folder: Path) -> None:
    """Every stage that escalated was less sure than its threshold; the last was as sure, or no further one helps."""
    client = client_of(runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, penalty=2000.0)))
    ways = [
        client.post("/answer", content=path.read_bytes(), headers={"Content-Type": "image/png"}).json()["stages"]
        for path in sorted(labelled_folder.glob("*.png"))
    ]
    for stages in ways:
        for stage in stages[:-1]:
            assert stage["escalated"]
            assert stage["confidence"] < stage["threshold"]
            assert "another variant was asked" in stage["why"]
        last = stages[-1]
        assert not last["escalated"]
        assert "answer was given" in last["why"]
        assert last["confidence"] >= last["threshold"] or "worth its time" in last["why"]
    assert any(len(stages) > 1 for stages in ways), "no image escalates: the test shows nothing"


def test_the_uncompressed_model_of_the_bundle_answers_beside_it(image_client: TestClient, jpeg: bytes) -> None:
    headers = {"Content-Type": "image/jpeg"}
    content = image_client.post("/answer?compare=1", content=jpeg, headers=headers).json()
    assert content["uncompressed_name"] == NONE
    assert [stage["variant"] for stage in content["uncompressed"]["stages"]] == [NONE]
    assert content["uncompressed"]["parts_ms"]["decode"] > 0  # from the bytes, as the bundle's answer
    assert image_client.post("/answer", content=jpeg, headers=headers).json()["uncompressed"] is None


def test_a_model_file_answers_beside_the_bundle(runtime: Runtime, lite0: Model, jpeg: bytes, tmp_path: Path) -> None:
    lite0.save(tmp_path / "mine.onnx")
    client = client_of(runtime, compare=tmp_path / "mine.onnx")
    content = client.post("/answer?compare=1", content=jpeg, headers={"Content-Type": "image/jpeg"}).json()
    assert content["uncompressed_name"] == "mine.onnx@onnxruntime"
    assert content["uncompressed"]["label"] == runtime.with_policy(runtime.bundle.policies["most_accurate"])(jpeg).label


def test_nothing_to_compare_with_is_said(runtime: Runtime, jpeg: bytes) -> None:
    client = TestClient(create_app(Answering(runtime), "bundle"), base_url=ADDRESS)
    assert client.get("/about").json()["uncompressed"] is None
    content = client.post("/answer?compare=1", content=jpeg, headers={"Content-Type": "image/jpeg"}).json()
    assert (content["uncompressed"], content["uncompressed_name"]) == (None, None)


def test_a_text_gets_the_name_of_its_class(text_client: TestClient) -> None:
    plain = text_client.post("/answer", content="play my song", headers={"Content-Type": "text/plain; charset=utf-8"})
    as_json = text_client.post("/answer", json={"text": "play my song"})
    assert plain.json()["name"] == as_json.json()["name"] == "music"
    assert plain.json()["stages"][0]["threshold"] is None


def test_tensors_as_lists_and_as_an_archive_get_one_answer(tensor_client: TestClient, tensor_runtime: Runtime) -> None:
    tensors = {"tokens": np.array([[1, 2, 3]]), "mask": np.ones((1, 3), np.float32)}
    stream = io.BytesIO()
    np.savez_compressed(stream, **tensors)
    direct = tensor_runtime(tensors).outputs
    for response in (
        tensor_client.post("/answer", json={"tensors": {name: array.tolist() for name, array in tensors.items()}}),
        tensor_client.post("/answer", content=stream.getvalue(), headers={"Content-Type": "application/zip"}),
    ):
        content = response.json()
        assert response.status_code == 200, content
        assert (content["label"], content["classes"]) == (None, [])
        for shown, output in zip(content["outputs"], direct, strict=True):
            assert shown["shape"] == list(output.shape)
            np.testing.assert_allclose(shown["values"], output.ravel()[: len(shown["values"])], rtol=1e-5)


def test_limits_travel(image_client: TestClient, jpeg: bytes) -> None:
    headers = {"Content-Type": "image/jpeg"}
    content = image_client.post("/answer?deadline_ms=0.5", content=jpeg, headers=headers).json()
    assert not content["constraints_met"]
    assert "deadline_ms" in content["note"]
    encoded = base64.b64encode(jpeg).decode()
    content = image_client.post("/answer", json={"image": encoded, "min_quality": 1.0}).json()
    assert "min_quality=1" in content["note"]


def test_the_device_is_shown(image_client: TestClient) -> None:
    content = image_client.get("/state").json()
    assert 0 <= content["state"]["load_others"] <= content["state"]["cores"]
    assert content["process_memory_bytes"] > 1e6
    assert all(one["processor"] == "cpu:1" and one["expected_ms"] > 0 for one in content["plan"])
