"""What each address gives."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import compsel
from compsel.errors import OverloadedError
from compsel.runtime.concurrency.call_queue import CallQueue
from compsel.serving.answering import Answering, InputRequest
from compsel.serving.bodies import BodyReader
from compsel.serving.client_rates import ClientRates
from compsel.serving.descriptions import describe_request, response_parameters
from compsel.serving.device_view import device_view
from compsel.serving.inputs import InputReader
from compsel.serving.json_bodies import number_of
from compsel.serving.metrics import CONTENT_TYPE, ServerMetrics
from compsel.serving.open_inference.inputs import value_of
from compsel.serving.open_inference.metadata import model_metadata, server_metadata
from compsel.serving.open_inference.requests import InferRequest, read_infer_request
from compsel.serving.open_inference.responses import write_infer_response
from compsel.serving.request_error import RequestError
from compsel.serving.settings import ServingSettings

__all__ = ["Endpoints"]

_HEADER_LENGTH = "inference-header-content-length"


class Endpoints:
    """The handlers of the application: see `create_app` for which address each answers.

    Args:
        answering: answers.
        model_name: of the bundle in addresses.
        settings: limits.
        queue: of the threads where answers are made.
        metrics: counts them.
        class_names: of the user; empty: the bundle's.
    """

    def __init__(
        self,
        answering: Answering,
        model_name: str,
        settings: ServingSettings,
        queue: CallQueue,
        metrics: ServerMetrics,
        class_names: tuple[str, ...],
    ) -> None:
        self._answering = answering
        self._runtime = answering.runtime
        self._model_name = model_name
        self._settings = settings
        self._queue = queue
        self._metrics = metrics
        self._class_names = class_names
        self._inputs = InputReader(answering.runtime, settings)
        self._bodies = BodyReader(settings)
        self._rates = ClientRates(settings.rate_per_s)
        self._output_names = [spec.name for spec in answering.runtime.answer_outputs]

    async def about(self, request: Request) -> Response:
        """What is served: for the page."""
        runtime, original = self._runtime, self._answering.original
        return JSONResponse(
            {
                "name": self._model_name,
                "version": compsel.__version__,
                "modality": runtime.modality.name,
                "inputs": [{"name": s.name, "dtype": s.dtype, "shape": s.shape} for s in runtime.get_inputs()],
                "uncompressed": None if original is None else original.name,
                "max_bytes": self._settings.max_bytes,
                "cores": runtime.state().cores,
            }
        )

    async def state(self, request: Request) -> Response:
        """The device now."""
        return JSONResponse(device_view(self._runtime, self._queue))

    async def metrics_text(self, request: Request) -> Response:
        """Counters."""
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def live(self, request: Request) -> Response:
        """Whether the server runs."""
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Whether it can answer: some processor is left that works."""
        self._runtime.planned()
        return JSONResponse({"ready": True})

    async def openapi(self, request: Request) -> Response:
        """The description of this API."""
        document = json.loads(files("compsel.serving").joinpath("openapi.json").read_text(encoding="utf-8"))
        document["info"]["version"] = compsel.__version__
        document["components"]["parameters"]["model"]["schema"]["enum"] = [self._model_name]
        return JSONResponse(document)

    async def server_metadata(self, request: Request) -> Response:
        """What this server is."""
        return JSONResponse(server_metadata())

    async def model_metadata(self, request: Request) -> Response:
        """Inputs and outputs of the bundle."""
        self._check_model(request)
        return JSONResponse(model_metadata(self._runtime, self._model_name))

    async def model_ready(self, request: Request) -> Response:
        """Whether the bundle can answer."""
        self._check_model(request)
        self._runtime.planned()
        return JSONResponse({"name": self._model_name, "ready": True})

    async def answer(self, request: Request) -> Response:
        """Answer an image, a text or tensors."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        original = self._answering.original
        name = None if original is None else original.name

        def work(body: bytes, arrived_ns: int) -> Response:
            answered = self._answering.answer(
                lambda: self._inputs.read(body, content_type, request.query_params), arrived_ns
            )
            return JSONResponse(describe_request(answered, name, self._class_names))

        return await self._run(request, work)

    async def infer(self, request: Request) -> Response:
        """Answer a request of the Open Inference Protocol."""
        self._check_model(request)
        header_length = _header_length(request)

        def work(body: bytes, arrived_ns: int) -> Response:
            asked: list[InferRequest] = []

            def read() -> InputRequest:
                asked.append(read_infer_request(body, header_length))
                value = value_of(asked[0].tensors, self._runtime.modality, self._settings.max_pixels)
                return InputRequest(value, asked[0].deadline_ms, asked[0].min_quality)

            answered = self._answering.answer(read, arrived_ns)
            parameters = response_parameters(answered, self._class_names)
            written = write_infer_response(asked[0], answered.answer, self._model_name, self._output_names, parameters)
            if written.header_length is None:
                return Response(written.body, media_type="application/json")
            headers = {_HEADER_LENGTH: str(written.header_length)}
            return Response(written.body, headers=headers, media_type="application/octet-stream")

        return await self._run(request, work)

    async def _run(self, request: Request, work: Callable[[bytes, int], Response]) -> Response:
        """Read the body and do the work in a thread."""
        self._rates.admit(request.client.host if request.client else "")
        body = await self._bodies.read(request)
        arrived_ns = time.perf_counter_ns()
        try:
            # a request that gives its deadline in the address is refused before it is read
            asked = number_of(request.query_params.get("deadline_ms"), "deadline_ms")
            deadline_ms = asked if asked is not None and asked > 0 else None
            call = self._queue.submit(lambda _: work(body, arrived_ns), deadline_ms=deadline_ms)
            return await asyncio.wrap_future(call)
        except OverloadedError as error:
            wait_s = max(1, math.ceil(error.expected_wait_ms / 1e3))
            raise RequestError(503, f"busy: {error}", retry_after_s=wait_s) from None
        finally:
            self._bodies.release(len(body))

    def _check_model(self, request: Request) -> None:
        name: Any = request.path_params["model"]
        if name != self._model_name:
            raise RequestError(404, f"models: got {name[:80]!r}, allowed is {self._model_name!r}")


def _header_length(request: Request) -> int | None:
    text = request.headers.get(_HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise RequestError(400, f"Inference-Header-Content-Length: got {text[:40]!r}, allowed is a whole number")
    return int(text)
