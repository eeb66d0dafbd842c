"""Resident memory of an app after some answers, beside bare sessions of the variants that are open in it."""

import compsel
from serving_parts.answered import bare_stages
from serving_parts.comparison import Options, Part, compared
from serving_parts.processes import Side, bare_request, compsel_request, decoding_too, in_turns, run

_ROUNDS, _ANSWERS = 5, 20
_BAR = 1.25
_WHAT = (
    "fresh processes after 20 answers and a second of rest, from /proc/self/smaps_rollup; bare sessions: one of each "
    "variant that is open in compsel, after as many runs; 'empty' has imported ONNX Runtime only"
)


def measure(options: Options) -> Part:
    """Measure the memory of an app."""
    wanted = {"answers": _ANSWERS, "memory": True}
    ours = {**compsel_request(options), **wanted}
    opened = run(ours)["open"]
    with compsel.load(options.bundle, warm_up=False) as runtime:
        # one session a variant: what is open on several processors is compsel's own doing
        choices = {variant: processor for variant, processor, _ in opened}
        stages = bare_stages(runtime, choices.items(), tensors=False)
        with bare_request(runtime, stages, options.source) as bare:
            sides: dict[str, Side] = {"empty": ({"side": "empty", **wanted}, None), "bare": ({**bare, **wanted}, None)}
            if (decoding := decoding_too(runtime, options, {**bare, **wanted})) is not None:
                sides["bare, decoding"] = (decoding, None)
            sides["compsel"] = (ours, None)
            if options.beside is not None:
                sides["compsel beside"] = (ours, options.beside)
            found = in_turns(sides, options.rounds or _ROUNDS)
    rows = []
    for kind in ("rss", "uss", "anonymous"):
        mb = {name: [one["memory_mb"][kind] for one in results] for name, results in found.items()}
        rows += compared(mb, "MB", f": {kind}")
    more = {"bar": _BAR, "open": {name: results[-1].get("open") for name, results in found.items()}}
    return Part(f"{_WHAT}; bar {_BAR}; open: {opened}", rows, more)
