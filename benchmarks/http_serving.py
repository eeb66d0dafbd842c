"""What HTTP costs: an answer over `compsel serve` beside the bare call, and answers a second for several clients.

python benchmarks/http_serving.py BUNDLE INPUT [--json FILE]      INPUT: path of an image, or a text
"""

import argparse
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import compsel
from compsel.inputs.text import TEXT

WARM_UP, RUNS = 50, 300
CLIENTS, CLIENT_S = (1, 4, 8), 5.0


def quantiles(times_ms: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times_ms[WARM_UP:], [50, 95])
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}


def timed(call: Callable[[], object], runs: int = WARM_UP + RUNS) -> list[float]:
    times_ms = []
    for _ in range(runs):
        begin = time.perf_counter_ns()
        call()
        times_ms.append((time.perf_counter_ns() - begin) / 1e6)
    return times_ms


class Client:
    """A client that keeps its connection; without a body it gets, with one it posts."""

    def __init__(self, port: int, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._request = ("GET" if body is None else "POST", path, body, headers)

    def __call__(self) -> dict:
        """Ask, and return what comes back."""
        self._connection.request(*self._request)
        response = self._connection.getresponse()
        content = json.loads(response.read())
        assert response.status == 200, content
        return content


def rate(make_client: Callable[[], Callable[[], object]], clients: int) -> float:
    """Answers a second: clients in threads of this process, each asking again as soon as it has its answer."""
    end = time.perf_counter() + CLIENT_S
    counts = [0] * clients

    def ask(number: int) -> None:
        client = make_client()
        while time.perf_counter() < end:
            client()
            counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(counts) / CLIENT_S, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("input")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "compsel", "serve", str(arguments.bundle), "--port", "0", "--rate", "0"]
    with (
        compsel.load(arguments.bundle) as runtime,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        line = server.stdout.readline() if server.stdout else ""
        port = int(line.rstrip("/\n").rpartition(":")[2])
        is_text = runtime.modality is TEXT
        body = arguments.input.encode() if is_text else Path(arguments.input).read_bytes()
        source = arguments.input if is_text else body
        content_type = {"Content-Type": "text/plain" if is_text else "application/octet-stream"}
        name = arguments.bundle.resolve().name
        tensor = {"name": "input", "datatype": "BYTES", "shape": [1]}
        header = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(body) + 4}}], "outputs": []})
        infer = header.encode() + len(body).to_bytes(4, "little") + body

        def client() -> Client:
            return Client(port, "/answer", body, content_type)

        def infer_client() -> Client:
            return Client(
                port, f"/v2/models/{name}/infer", infer, {"Inference-Header-Content-Length": str(len(header))}
            )

        result = {
            "call": quantiles(timed(lambda: runtime(source))),
            "POST /answer": quantiles(timed(client())),
            "POST infer": quantiles(timed(infer_client())),
            "call again": quantiles(timed(lambda: runtime(source))),
            "GET /healthz": quantiles(timed(Client(port, "/healthz", None, {}))),
            "answers_per_s": {str(number): rate(client, number) for number in CLIENTS},
        }
        server.terminate()
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
