"""The Open Inference Protocol v2, as KServe's and Triton's clients speak it."""

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from httpx import Response
from starlette.testclient import TestClient

from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.runtime import Runtime

INFER = "/v2/models/bundle/infer"


def infer_binary(client: TestClient, request: dict[str, Any], *data: bytes) -> Response:
    header = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(header)), "Content-Type": "application/octet-stream"}
    return client.post(INFER, content=b"".join((header, *data)), headers=headers)


def test_server_and_model_say_what_they_are(image_client: TestClient, text_client: TestClient) -> None:
    assert image_client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert image_client.get("/v2/health/live").json() == {"live": True}
    assert image_client.get("/v2/health/ready").json() == {"ready": True}
    assert image_client.get("/v2/models/bundle/ready").json() == {"name": "bundle", "ready": True}
    metadata = image_client.get("/v2/models/bundle").json()
    assert metadata["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [1]}]
    assert metadata["tensor_inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]
    assert [one["datatype"] for one in metadata["outputs"]] == ["FP32"]
    assert text_client.get("/v2/models/bundle").json()["inputs"][0]["name"] == "text"


def test_another_model_is_not_there(image_client: TestClient) -> None:
    for response in (
        image_client.get("/v2/models/other"),
        image_client.get("/v2/models/other/ready"),
        image_client.post("/v2/models/other/infer", json={}),
    ):
        assert response.status_code == 404
        assert "allowed is 'bundle'" in response.json()["error"]


def test_an_image_in_base64(image_client: TestClient, runtime: Runtime, jpeg: bytes) -> None:
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(jpeg).decode()],
        "parameters": {"content_type": "base64"},
    }
    content = image_client.post(INFER, json={"id": "7", "inputs": [tensor]}).json()
    assert (content["id"], content["model_name"]) == ("7", "bundle")
    (output,) = content["outputs"]
    assert (output["datatype"], output["shape"]) == ("FP32", [1, 1000])
    parameters = content["parameters"]
    assert parameters["label"] == runtime(jpeg).label == int(np.argmax(output["data"]))
    assert 0 < parameters["confidence"] <= 1
    assert parameters["latency_ms"] > 0
    assert "@cpu:1" in parameters["choice"]


def test_an_image_as_bytes_behind_the_json(image_client: TestClient, runtime: Runtime, jpeg: bytes) -> None:
    data = struct.pack("<I", len(jpeg)) + jpeg
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data)}}
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    response = infer_binary(image_client, request, data)
    length = int(response.headers["Inference-Header-Content-Length"])
    header = json.loads(response.content[:length])
    assert header["outputs"][0]["parameters"] == {"binary_data_size": 4000}
    scores = np.frombuffer(response.content[length:], "<f4")
    assert int(scores.argmax()) == runtime(jpeg).label


@pytest.mark.parametrize("binary", [False, True])
def test_tensors_get_what_run_gives(
    image_client: TestClient, runtime: Runtime, lite0: Model, crops: ArraySamples, binary: bool
) -> None:
    array = feeds_of(lite0, crops.value(0))["input"]
    tensor: dict[str, Any] = {"name": "input", "datatype": "FP32", "shape": list(array.shape)}
    if binary:
        data = array.astype("<f4").tobytes()
        tensor["parameters"] = {"binary_data_size": len(data)}
        response = infer_binary(image_client, {"inputs": [tensor]}, data)
    else:
        response = image_client.post(INFER, json={"inputs": [{**tensor, "data": array.ravel().tolist()}]})
    (direct,) = runtime.run(None, {"input": array})
    np.testing.assert_allclose(response.json()["outputs"][0]["data"], direct.ravel(), atol=1e-4)


def test_several_inputs_and_chosen_outputs(tensor_client: TestClient, tensor_runtime: Runtime) -> None:
    (name,) = (spec.name for spec in tensor_runtime.get_outputs())
    inputs = [
        {"name": "mask", "datatype": "FP32", "shape": [1, 3], "data": [1, 1.0, 1]},
        {"name": "tokens", "datatype": "INT64", "shape": [1, 3], "data": [[1, 2, 3]]},
    ]
    wanted = [{"name": name, "parameters": {"binary_data": True}}]
    response = tensor_client.post(INFER, json={"inputs": inputs, "outputs": wanted})
    length = int(response.headers["Inference-Header-Content-Length"])
    content = json.loads(response.content[:length])
    assert "label" not in content["parameters"]
    feed = {"mask": np.ones((1, 3), np.float32), "tokens": np.array([[1, 2, 3]])}
    (direct,) = tensor_runtime.run(None, feed)
    np.testing.assert_array_equal(np.frombuffer(response.content[length:], np.float32), direct.ravel())
    as_json = tensor_client.post(INFER, json={"inputs": inputs, "outputs": [{"name": name}]}).json()
    np.testing.assert_allclose(as_json["outputs"][0]["data"], direct.ravel(), rtol=1e-6)
    assert tensor_client.post(INFER, json={"inputs": inputs, "outputs": []}).json()["outputs"] == []


def test_a_text(text_client: TestClient) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1, 1], "data": ["rain or snow today"]}
    parameters = text_client.post(INFER, json={"inputs": [tensor]}).json()["parameters"]
    assert parameters["name"] == "weather"


def test_deadline_among_the_parameters(image_client: TestClient, jpeg: bytes) -> None:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(jpeg).decode()]}
    content = image_client.post(INFER, json={"inputs": [tensor], "parameters": {"deadline_ms": 0.5}}).json()
    assert content["parameters"]["constraints_met"] is False
    assert "deadline_ms" in content["parameters"]["note"]
