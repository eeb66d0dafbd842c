"""`compsel serve` as a process: where it listens, what it says, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.errors import UsageError
from compsel.models.model import Model
from compsel.serving.server import listen, url_of


@contextmanager
def serving(bundle: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "compsel", "serve", str(bundle), "--port", "0", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        assert process.stdout is not None
        found = re.search(r"at (http://\S+)", process.stdout.readline())
        assert found, process.stderr.read() if process.stderr else ""
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_interrupted(text_bundle: Path) -> None:
    with serving(text_bundle) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        request = urllib.request.Request(f"{url}answer", b"play a song", {"Content-Type": "text/plain"}, method="POST")
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["name"] == "music"
        with urllib.request.urlopen(url, timeout=60) as response:
            assert b"<h1>" in response.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()[-1]) == (0, "stopped")
    assert err == ""


def test_it_warns_where_others_can_reach_it(text_bundle: Path) -> None:
    with serving(text_bundle, "--host", "0.0.0.0") as (process, url):
        assert url.startswith("http://localhost:")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "warning: 0.0.0.0 can be reached by other machines" in err


def test_a_port_in_use_is_told(text_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(text_bundle), "--port", str(port)]) == 2
    assert f"--port: {port} of 127.0.0.1 is in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--port", "70000"], "--port: got 70000"),
        (["--host", "no such host"], "--host: got 'no such host'"),
        (["--max-bytes", "0"], "--max-bytes: got 0"),
        (["--rate", "-1"], "--rate: got -1"),
        (["--rate", "nan"], "--rate: got nan"),
        (["--workers", "0"], "--workers: got 0"),
        (["--port", "0", "--compare", "missing.onnx"], "missing.onnx: no such file"),
        (["--labels", "missing.txt"], "missing.txt: cannot be read"),
    ],
)
def test_bad_options(text_bundle: Path, options: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(text_bundle), *options]) == 2
    assert line in capsys.readouterr().err


def test_a_model_of_other_inputs_is_no_comparison(
    text_bundle: Path, tmp_path: Path, small_model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    small_model.save(tmp_path / "images.onnx")
    assert main(["serve", str(text_bundle), "--port", "0", "--compare", str(tmp_path / "images.onnx")]) == 2
    assert "takes image, the bundle takes text" in capsys.readouterr().err


def test_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path), "--port", "0"]) == 2
    assert "is not a bundle" in capsys.readouterr().err


def test_addresses() -> None:
    with listen("127.0.0.1", 0) as found:
        assert url_of(found) == f"http://127.0.0.1:{found.getsockname()[1]}/"
        assert found.proto == socket.IPPROTO_TCP  # or asyncio leaves Nagle's algorithm on: 40 ms an answer
    with pytest.raises(UsageError, match="cannot listen"):
        listen("192.0.2.1", 0)
    if socket.has_ipv6:
        try:
            with listen("::1", 0) as found:
                assert url_of(found).startswith("http://[::1]:")
        except UsageError:
            pytest.skip("no IPv6 here")
