"""Events of the log: fields for machines, a list that is whole, nothing formatted that nobody reads."""

import json
import logging
import re
import threading
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.errors import ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.progress.logger import EVENTS, log_event, logger
from tests.runtime.conftest import Rules, StartScripted

SOURCE = Path(compsel.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring.md"


class JsonLines(logging.Formatter):
    """As any formatter for JSON: what a plain record has not is a field."""

    def format(self, record: logging.LogRecord) -> str:
        plain = {*vars(logging.makeLogRecord({})), "message"}
        fields = {key: value for key, value in vars(record).items() if key not in plain}
        return json.dumps({"message": record.getMessage(), **fields})


def test_what_failed_is_told_with_fields(
    scripted: StartScripted, crops: ArraySamples, caplog: pytest.LogCaptureFixture
) -> None:
    broken = threading.Event()

    def rule(_: object) -> object:
        return ProcessorError("device lost") if broken.is_set() else [np.zeros((1, 10), np.float32)]

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule), adapt=False)
    runtime(crops.value(0))
    broken.set()
    runtime(crops.value(0))
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "compsel"]
    (failed,) = [line for line in lines if line["event"] == "choice_failed"]
    assert (failed["processor"], failed["wait_s"], failed["error_type"]) == ("fast", 1.0, "ProcessorError")
    assert failed["error"] in failed["message"]
    assert all(line["event"] in EVENTS for line in lines)


def test_events_are_those_of_the_list_and_of_the_page() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")]
    used = {name for text in texts for name in re.findall(r'log_event\(\s*"[A-Z]+",\s*"(\w+)"', text)}
    used |= {name for text in texts for name in re.findall(r'extra=\{"event": "(\w+)"', text)}
    assert used == set(EVENTS)
    others = [
        path.name
        for path in SOURCE.rglob("*.py")
        if re.search(r"logger\(\)\.(debug|info|warning|error)\(", path.read_text())
    ]
    assert others == ["interactive.py"], "messages of long work are no events"
    assert set(
        re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8").partition("## The log")[2], re.MULTILINE)
    ) == set(EVENTS)


def test_nothing_is_formatted_where_nobody_listens() -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError("was formatted")

    level = logger().level
    logger().setLevel(logging.ERROR)
    try:
        log_event("WARNING", "trial", "%s", Loud(), fields={"variant": Loud()})
    finally:
        logger().setLevel(level)


def test_fields_are_no_names_that_records_have_already() -> None:
    plain = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    names = {name for text in EVENTS.values() for name in re.findall(r"\w+", text.partition(":")[0])}
    assert not names & plain
