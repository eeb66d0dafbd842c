from types import SimpleNamespace

import numpy as np

from compsel.cli.run import rows_of


def answer(*outputs):
    return SimpleNamespace(
        outputs=list(outputs),
        label=0,
        choice="net/none@cpu:1",
        latency_ms=1.0,
        decode_ms=0.0,
        features_ms=0.0,
        selector_ms=0.1,
        stages=(),
        constraints_met=True,
        note="",
        abstained=False,
    )


def test_answers_without_classes_show_their_first_numbers():
    boxes, scores = np.array([[[0.5, 12.25]]], np.float32), np.array([[0.75]], np.float32)
    (row,) = rows_of([("a.png", answer(boxes, scores))], ())
    assert (row["label"], row["name"]) == (None, "0.5 12.25 0.75")
    (long,) = rows_of([("a.png", answer(np.arange(9.0), np.array(["text"])))], ())
    assert long["name"] == "0 1 2 3 ..."
    (other,) = rows_of([("a.png", answer(np.array([True]), np.array(["text"], object)))], ())
    assert other["name"] == "1 text"
