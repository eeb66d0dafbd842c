"""What strangers send: each gets a status and a line, and the server goes on."""

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from compsel.runtime import Runtime
from compsel.serving.settings import ServingSettings
from tests.serving.clients import client_of

INFER = "/v2/models/bundle/infer"
JSON = {"Content-Type": "application/json"}
SMALL = ServingSettings(max_bytes=200_000, max_pixels=300_000, rate_per_s=0)


def tensor(name: str = "tokens", datatype: str = "INT64", shape: Any = (1, 3), **fields: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape) if isinstance(shape, tuple) else shape, **fields}


def npy(shape: tuple[int, ...], data: bytes = b"", descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": descr})
    return stream.getvalue() + data


def archive(compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as packed:
        for name, data in members.items():
            packed.writestr(f"{name}.npy", data)
    return stream.getvalue()


MASK = tensor("mask", "FP32", data=[1, 1, 1])

REQUESTS: list[tuple[str, int, str]] = [
    ("not json", 400, "cannot be read as JSON"),
    ("[1]", 400, "allowed is a JSON object"),
    ("[" * 100_000, 400, "cannot be read as JSON"),
    ("{}", 400, "inputs: allowed is a list"),
    (json.dumps({"inputs": {}}), 400, "inputs: allowed is a list"),
    (json.dumps({"inputs": []}), 400, "inputs: allowed is a list"),
    (json.dumps({"inputs": [7]}), 400, "allowed is an object"),
    (json.dumps({"inputs": [{"name": 3}]}), 400, "needs a name and a datatype"),
    (json.dumps({"inputs": [tensor()]}), 400, "needs data"),
    (json.dumps({"inputs": [tensor(data="AAAA")]}), 400, "needs data"),
    (json.dumps({"inputs": [tensor(datatype="FP128", data=[1, 2, 3])]}), 400, "allowed are BOOL"),
    (json.dumps({"inputs": [tensor(shape=(-1, 3), data=[1, 2, 3])]}), 400, "whole numbers from 0"),
    (json.dumps({"inputs": [tensor(shape=[1.5], data=[1])]}), 400, "whole numbers from 0"),
    (json.dumps({"inputs": [tensor(shape="3", data=[1])]}), 400, "whole numbers from 0"),
    (json.dumps({"inputs": [tensor(shape=[10**30, 0], data=[])]}), 400, "whole numbers from 0"),
    (json.dumps({"inputs": [tensor(data=[1, 2])]}), 422, "got 2 elements, allowed are 3"),
    (json.dumps({"inputs": [tensor(data=[[1], [2, 3]])]}), 422, "cannot be read as INT64"),
    (json.dumps({"inputs": [tensor(data=[1, 2, "3"])]}), 422, "no INT64"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3.5])]}), 422, "no INT64"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 10**30])]}), 422, "no INT64"),
    (json.dumps({"inputs": [tensor(data=[1, 2, None])]}), 422, "no INT64"),
    (json.dumps({"inputs": [tensor(datatype="UINT8", data=[1, 2, 300])]}), 422, "no UINT8"),
    (json.dumps({"inputs": [tensor(data=[1, 2, {}])]}), 422, "no INT64"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3])]}), 422, "this bundle takes"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), tensor(data=[1, 2, 3])]}), 400, "two tensors of one name"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), tensor("mask", "FP32", data=[1, 1, float("nan")])]}), 400, "NaN"),
    ('{"inputs": [{"name": "mask", "datatype": "FP32", "shape": [1], "data": [1e999]}]}', 400, "1e999"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), MASK], "outputs": [{"name": "no"}]}), 400, "outputs: got 'no'"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), MASK], "outputs": 5}), 400, "outputs: allowed is a list"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), MASK], "id": 5}), 400, "id: got int"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), MASK], "parameters": {"deadline_ms": "x"}}), 400, "deadline_ms"),
    (json.dumps({"inputs": [tensor(data=[1, 2, 3]), MASK], "parameters": {"deadline_ms": -1}}), 422, "deadline_ms"),
    (json.dumps({"inputs": [tensor(parameters={"binary_data_size": 24})]}), 400, "binary_data_size"),
    (json.dumps({"inputs": [tensor(parameters={"binary_data_size": -1})]}), 400, "binary_data_size"),
]


@pytest.mark.parametrize(("body", "status", "line"), REQUESTS, ids=range(len(REQUESTS)))
def test_a_malformed_inference_request(tensor_client: TestClient, body: str, status: int, line: str) -> None:
    response = tensor_client.post(INFER, content=body, headers=JSON)
    assert (response.status_code, line in response.json()["error"]) == (status, True), response.json()


@pytest.mark.parametrize(
    ("length", "data", "status", "line"),
    [
        ("x", b"", 400, "allowed is a whole number"),
        ("99999999", b"", 400, "the body has"),
        (None, bytes(8), 422, "got 8 bytes"),
        (None, bytes(40), 400, "behind those that its tensors name"),
    ],
)
def test_binary_data_that_does_not_fit(
    tensor_client: TestClient, length: str | None, data: bytes, status: int, line: str
) -> None:
    size = 8 if len(data) == 8 else 24
    header = json.dumps({"inputs": [tensor(parameters={"binary_data_size": size})]}).encode()
    headers = {"Inference-Header-Content-Length": length or str(len(header))}
    response = tensor_client.post(INFER, content=header + data, headers=headers)
    assert (response.status_code, line in response.json()["error"]) == (status, True), response.json()


def test_nan_in_binary_data(tensor_client: TestClient) -> None:
    data = np.array([[1, 2, 3]]).tobytes() + np.array([1, np.nan, 1], np.float32).tobytes()
    inputs = [
        tensor(parameters={"binary_data_size": 24}),
        tensor("mask", "FP32", parameters={"binary_data_size": 12}),
    ]
    header = json.dumps({"inputs": inputs}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    response = tensor_client.post(INFER, content=header + data, headers=headers)
    assert response.status_code == 422
    assert "NaN" in response.json()["error"]


def test_lengths_of_bytes_that_lead_out(text_client: TestClient) -> None:
    header = json.dumps({"inputs": [tensor("text", "BYTES", (1,), parameters={"binary_data_size": 6})]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    response = text_client.post(INFER, content=header + b"\xff\xff\xff\xffhi", headers=headers)
    assert response.status_code == 422
    assert "end inside an element" in response.json()["error"]


@pytest.mark.parametrize(
    ("data", "status", "line"),
    [
        (b"PK\x03\x04 and then nothing", 400, "not an archive"),
        (archive(tokens=bytes(20_000_001)), 413, "allowed are 64"),  # twenty kilobytes that unpack to twenty megabytes
        (archive(**{f"a{n}": npy((0,)) for n in range(65)}), 413, "got 65 arrays"),
        (archive(tokens=npy((10**12,))), 400, "not an archive of plain arrays"),
        (archive(tokens=npy((-3,), bytes(12))), 400, "not an archive of plain arrays"),
        (archive(tokens=npy((1,), b"cos\nsystem\n", "|O")), 400, "not an archive of plain arrays"),
        (archive(tokens=b"not npy"), 400, "not an archive of plain arrays"),
        (archive(), 422, "inputs"),
        (archive(zipfile.ZIP_BZIP2, tokens=npy((1,), bytes(4))), 400, "'tokens.npy' is compressed as numpy.savez and"),
        (archive(zipfile.ZIP_LZMA, tokens=npy((1,), bytes(4))), 400, "'tokens.npy' is compressed as numpy.savez and"),
    ],
)
def test_an_archive_that_is_none(tensor_client: TestClient, data: bytes, status: int, line: str) -> None:
    response = tensor_client.post("/answer", content=data, headers={"Content-Type": "application/zip"})
    assert (response.status_code, line in response.json()["error"]) == (status, True), response.json()


def test_an_archive_that_lies_about_its_size(tensor_client: TestClient) -> None:
    data = archive(tokens=npy((1, 100_000), bytes(400_000)))
    size = (400_000 + len(npy((1, 100_000)))).to_bytes(4, "little")
    assert data.count(size) >= 1
    response = tensor_client.post(
        "/answer", content=data.replace(size, (500).to_bytes(4, "little")), headers={"Content-Type": "application/zip"}
    )
    assert response.status_code == 400


@pytest.fixture(scope="module")
def small_client(runtime: Runtime) -> TestClient:
    return client_of(runtime, SMALL)


@pytest.mark.parametrize(
    ("body", "headers", "status", "line"),
    [
        (b"", {"Content-Type": "image/png"}, 422, "empty"),
        (b"hello", {"Content-Type": "image/png"}, 422, "not an image"),
        (b"hello", {"Content-Type": "text/plain"}, 415, "this bundle takes image"),
        (b"hello", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type"),
        (b"hello", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "Content-Type"),
        (b"hello", {}, 415, "Content-Type"),
        (b"hello", {"Content-Type": "image/png", "Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        (b"x" * 200_001, {"Content-Type": "image/png"}, 413, "allowed are 200000"),
        (b'{"text": "a"}', JSON, 415, "this bundle takes image"),
        (b'{"image": "%%%"}', JSON, 400, "base64"),
        (b'{"image": "\xc3\xa9"}', JSON, 400, "base64"),
        (b'{"image": 5}', JSON, 400, "allowed is a string"),
        (b'{"tensors": {"x": [1]}}', JSON, 422, "allowed are input"),
        (b'{"tensors": {"input": []}}', JSON, 422, "an empty one"),
        (b'{"tensors": {"input": [[1, 2], [3]]}}', JSON, 422, "cannot be read"),
        (b'{"tensors": {"input": [1]}}', JSON, 422, "this bundle takes"),
        (b'{"pixels": 1}', JSON, 400, "allowed is one of image"),
        (b"\xff\xfe", JSON, 400, "cannot be read as JSON"),
        (b'{"image": "aGk=", "deadline_ms": true}', JSON, 400, "deadline_ms"),
    ],
)
def test_an_answer_that_there_is_not(
    small_client: TestClient, body: bytes, headers: dict[str, str], status: int, line: str
) -> None:
    response = small_client.post("/answer", content=body, headers=headers)
    assert (response.status_code, line in response.json()["error"]) == (status, True), response.json()


def test_an_image_of_more_pixels_than_allowed_is_not_decoded(small_client: TestClient) -> None:
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\x00\x00\x00"
    response = small_client.post("/answer", content=header + bytes(64), headers={"Content-Type": "image/png"})
    assert response.status_code == 422
    response = small_client.post("/answer", json={"image": base64.b64encode(header).decode()})
    assert response.status_code == 422


def test_a_body_without_a_length_is_cut_where_it_grows_too_large(small_client: TestClient) -> None:
    read = 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield bytes(1000)

    response = small_client.post("/answer", content=chunks(), headers={"Content-Type": "image/png"})
    assert response.status_code == 413


def test_what_is_not_there(small_client: TestClient) -> None:
    assert small_client.get("/../setup.cfg").status_code == 404
    assert "see /openapi.json" in small_client.get("/nothing").json()["error"]
    assert small_client.get("/answer").status_code == 405
    assert small_client.delete("/v2").json()["error"].startswith("DELETE")


def test_texts_that_are_none(text_client: TestClient) -> None:
    for body in ("", "   \n"):
        response = text_client.post("/answer", content=body, headers={"Content-Type": "text/plain"})
        assert response.status_code == 422
    response = text_client.post("/answer", content=b"\xff\xfe", headers={"Content-Type": "text/plain"})
    assert response.status_code == 400
    texts = [tensor("text", "BYTES", (2,), data=["a", "b"])]
    assert text_client.post(INFER, json={"inputs": texts}).status_code == 422
    assert text_client.post(INFER, json={"inputs": [tensor("text", "BYTES", (1,), data=[5])]}).status_code == 422
    assert text_client.post("/answer", content=b"GIF89a", headers={"Content-Type": "image/gif"}).status_code == 415
