"""`compsel.perf`: benchmark models as they are."""

import os
from collections.abc import Sequence
from typing import Any

from compsel.building.verbs.given import Classes, Preprocess, lean_models
from compsel.building.verbs.options import as_list
from compsel.building.verbs.places import with_places
from compsel.evaluation import perf as evaluation
from compsel.evaluation.perf import PerfResult
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default

__all__ = ["perf"]


# many parameters: models are what everybody gives; the others are rarely set, and independent
@with_places(read=("models", "samples", "tokenizer"))
def perf(
    models: str | os.PathLike[str] | Model | Sequence[str | os.PathLike[str] | Model],
    samples: Any = None,
    *,
    processor: str | Sequence[str] = "cpu:all",
    seconds: float = 5.0,
    memory: bool = True,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> PerfResult:
    """Benchmark models as they are: percentiles, throughput, load time, memory, placement; several in turns.

    For example `compsel.perf("lite0.onnx", processor=["cpu:1", "cpu:2"])`.

    Args:
        models, preprocess, classes, tokenizer, reporter: see `compsel.build`.
        samples: what to feed, see `compsel.build`; None: made-up inputs.
        processor: where to run each; one or several.
        seconds: of timing, for each model on each processor.
        memory: whether to measure load time and peak memory too, in a process of its own each.

    Raises:
        UsageError: no model, no processor, or no time.
        CompselError: what `compsel.evaluation.perf.perf` raises.
    """
    said = reporter_or_default(reporter)
    lean, found = lean_models(models, samples, said, preprocess=preprocess, classes=classes, tokenizer=tokenizer)
    return evaluation.perf(
        lean, processors=as_list(processor), samples=found, seconds=seconds, memory=memory, reporter=said
    )
