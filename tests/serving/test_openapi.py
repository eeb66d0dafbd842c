"""The description of the API: valid, complete, and true."""

import re

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from starlette.routing import Route
from starlette.testclient import TestClient

import compsel


def test_it_is_a_valid_document_with_this_version(text_client: TestClient) -> None:
    document = text_client.get("/openapi.json").json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == compsel.__version__
    assert document["components"]["parameters"]["model"]["schema"]["enum"] == ["bundle"]


def test_it_names_every_route_and_no_other(text_client: TestClient) -> None:
    document = text_client.get("/openapi.json").json()
    routes = {
        (route.path, method)
        for route in text_client.app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    said = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert said == routes


def test_answers_are_as_it_says(image_client: TestClient, text_client: TestClient, tensor_client: TestClient) -> None:
    document = text_client.get("/openapi.json").json()

    def check(name: str, content: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        OAS31Validator(schema).validate(content)

    check("About", text_client.get("/about").json())
    check("Device", text_client.get("/state").json())
    tensors = {"tokens": [[1, 2, 3]], "mask": [[1, 1, 1]]}
    texts = [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a song"]}]
    for client, body in ((text_client, {"text": "play a song"}), (tensor_client, {"tensors": tensors})):
        check("AnswerRequest", body)
        check("AnswerResponse", client.post("/answer?compare=1", json=body).json())
        check("ModelMetadata", client.get("/v2/models/bundle").json())
        check("Error", client.post("/answer", json={}).json())
    check("InferRequest", {"inputs": texts})
    check("InferResponse", text_client.post("/v2/models/bundle/infer", json={"inputs": texts}).json())
    assert not re.search(r"[^ -~]", image_client.get("/openapi.json").text)
