"""The application: its routes, and what every request goes through."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from compsel.errors import CompselError
from compsel.progress.logger import logger
from compsel.runtime.concurrency.call_queue import CallQueue
from compsel.serving.answering import Answering
from compsel.serving.endpoints import Endpoints
from compsel.serving.host_check import HostCheck
from compsel.serving.metrics import ServerMetrics
from compsel.serving.request_error import RequestError, status_of
from compsel.serving.settings import ServingSettings

__all__ = ["create_app"]

Handler = Callable[[Request], Awaitable[Response]]

_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def create_app(
    answering: Answering,
    model_name: str,
    settings: ServingSettings | None = None,
    class_names: Sequence[str] = (),
) -> Starlette:
    """Return the application that `compsel serve` runs, for any ASGI server.

    Args:
        answering: the runtime, and the uncompressed model beside it; whoever opened them closes them.
        model_name: what the bundle is called in addresses of the Open Inference Protocol.
        settings: limits; None: the default ones.
        class_names: instead of the bundle's; empty: those.
    """
    settings = settings or ServingSettings()
    queue = CallQueue(settings.workers, settings.waiting)
    metrics = ServerMetrics(answering.runtime, queue)
    ends = Endpoints(answering, model_name, settings, queue, metrics, tuple(class_names))
    gets: dict[str, Handler] = {
        "/about": ends.about,
        "/state": ends.state,
        "/metrics": ends.metrics_text,
        "/healthz": ends.live,
        "/openapi.json": ends.openapi,
        "/v2": ends.server_metadata,
        "/v2/health/live": ends.live,
        "/v2/health/ready": ends.ready,
        "/v2/models/{model}": ends.model_metadata,
        "/v2/models/{model}/ready": ends.model_ready,
    }
    gets |= {path: partial(_page_file, *found) for path, found in _PAGE_FILES.items()}
    posts: dict[str, Handler] = {"/answer": ends.answer, "/v2/models/{model}/infer": ends.infer}
    routes = [
        Route(path, _guarded(path, handler, metrics), methods=[method])
        for method, handlers in (("GET", gets), ("POST", posts))
        for path, handler in handlers.items()
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(HostCheck, hosts=settings.hosts)],
        exception_handlers={HTTPException: _refuse},
    )


def _guarded(path: str, handler: Handler, metrics: ServerMetrics) -> Handler:
    """Return a handler whose errors are responses, and that is counted."""

    async def run(request: Request) -> Response:
        begin_s = time.perf_counter()
        try:
            response = await handler(request)
        except CompselError as error:
            response = _failure(error)
        except Exception:
            logger().exception("%s failed", path, extra={"event": "request_failed", "route": path})
            response = JSONResponse({"error": "the server failed: its log says more"}, 500)
        metrics.count_request(path, response.status_code, time.perf_counter() - begin_s)
        return response

    return run


def _failure(error: CompselError) -> Response:
    status = status_of(error)
    headers = {}
    if isinstance(error, RequestError) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if status in (408, 413):
        headers["Connection"] = "close"  # what was not read of the body is not waited for
    return JSONResponse({"error": str(error)}, status, headers)


async def _refuse(request: Request, error: Exception) -> Response:
    """Say what there is instead of what was asked for."""
    assert isinstance(error, HTTPException)
    texts = {
        404: f"{request.url.path[:200]}: no such address: see /openapi.json",
        405: f"{request.method}: is not allowed here: see /openapi.json",
    }
    return JSONResponse({"error": texts.get(error.status_code, error.detail)}, error.status_code, error.headers)


async def _page_file(name: str, media_type: str, request: Request) -> Response:
    data = files("compsel.serving").joinpath("page", name).read_bytes()
    return Response(data, media_type=media_type)
