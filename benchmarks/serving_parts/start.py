"""From a fresh interpreter to the first answer, beside importing ONNX Runtime, opening and running bare sessions."""

import compsel
from serving_parts.answered import answering_stages
from serving_parts.comparison import Options, Part, compared, row
from serving_parts.processes import Side, bare_request, compsel_request, decoding_too, in_turns

_ROUNDS = 15
_WHAT = (
    "fresh processes, page cache warm, in turns; from the first line of the script to the first answer, imports "
    "included; bare sessions are fed ready-made tensors, and 'decoding' ones decode the image with OpenCV"
)


def measure(options: Options) -> Part:
    """Measure the start of an app."""
    with compsel.load(options.bundle) as runtime:
        stages = answering_stages(runtime, options.source)
        several = len(runtime.bundle.policies["adaptive"].variants) > 1
        with (
            bare_request(runtime, stages[:1], options.source) as first,
            bare_request(runtime, stages, options.source) as ran,
        ):
            sides: dict[str, Side] = {"bare first stage": (first, None), "bare stages that ran": (ran, None)}
            if (decoding := decoding_too(runtime, options, first)) is not None:
                sides["bare first stage, decoding"] = (decoding, None)
            sides["compsel"] = (compsel_request(options), None)
            sides["compsel warm_up=False"] = (compsel_request(options, warm_up=False), None)
            if options.beside is not None:
                sides["compsel beside"] = (compsel_request(options), options.beside)
            found = in_turns(sides, options.rounds or _ROUNDS)
    times_ms = {name: [one["marks_ms"]["answered"] for one in results] for name, results in found.items()}
    cpu_ms = {name: [one["cpu_ms"] for one in results] for name, results in found.items()}
    rows = compared(times_ms, "ms") + compared(cpu_ms, "ms", ": processor time")
    loaded_ms = {name: [one["marks_ms"]["loaded"] for one in found[name]] for name in found if "compsel" in name}
    rows += [row(f"{name}: loaded", times, "ms") for name, times in loaded_ms.items()]
    bar = 1.6 if several else 1.3
    more = {"bar": bar, "stages": [stage.variant for stage in stages], "times_ms": times_ms, "cpu_ms": cpu_ms}
    return Part(f"{_WHAT}; bar {bar}, stages {', '.join(stage.variant for stage in stages)}", rows, more)
