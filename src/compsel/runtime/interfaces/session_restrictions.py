"""What an app asks of a session (providers, `SessionOptions`), as a restriction of the processors of a bundle."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import onnxruntime
from onnxruntime.capi.onnxruntime_inference_collection import check_and_normalize_provider_args

from compsel.bundle.bundle import Bundle
from compsel.errors import BundleError, UsageError
from compsel.models.ort_errors import both
from compsel.processors import parse
from compsel.processors.base import Processor
from compsel.processors.provider_table import PROVIDERS
from compsel.progress.logger import log_event
from compsel.runtime.interfaces.ort_memory import NotOfBundlesError

__all__ = ["restricted"]

_CPU = "CPUExecutionProvider"
_NO_SPINNING = "session.intra_op.allow_spinning"
# settings that a bundle of several sessions cannot keep: what to do instead
_REFUSED = {
    "session.disable_cpu_ep_fallback": "build with processors that have strict=true",
    "session.record_ep_graph_assignment_info": "see compsel devices --model",
}


def restricted(bundle: Bundle, providers: Any, provider_options: Any, sess_options: Any, *, strict: bool) -> Bundle:
    """Return a bundle with those of its choices that an app allows.

    Args:
        bundle: with all of them.
        providers, provider_options, sess_options: as `onnxruntime.InferenceSession` takes them.
        strict: whether a provider that nobody knows is an error; else the CPU is taken instead, as by ONNX Runtime.

    Raises:
        UsageError: arguments that are none.
        BundleError: nothing of the bundle is allowed, or something is asked for that a bundle cannot keep.
    """
    words = list(dict.fromkeys(word for _, word in bundle.costs.choices))
    processors = {word: parse(word) for word in words}
    allowed = _by_providers(processors, providers, provider_options, strict)
    if sess_options is not None:
        for what, test in _tests(sess_options):
            kept = {word: processor for word, processor in allowed.items() if test(processor)}
            _check_any(kept, what, words)
            allowed = kept
    costs = bundle.costs.take([place for place, (_, word) in enumerate(bundle.costs.choices) if word in allowed])
    lost = {name for name, _ in bundle.costs.choices} - {name for name, _ in costs.choices}
    if lost:
        raise BundleError(
            f"providers and sess_options leave {', '.join(allowed)}, on which {sorted(lost)[0]} was never measured: "
            f"allow more of {', '.join(words)}, or build again with these processors"
        )
    return bundle if len(allowed) == len(words) else replace(bundle, costs=costs)


def _by_providers(
    processors: dict[str, Processor], providers: Any, provider_options: Any, strict: bool
) -> dict[str, Processor]:
    try:
        available = onnxruntime.get_available_providers()
        names, options = check_and_normalize_provider_args(providers, provider_options, available)
    except ValueError as error:
        raise UsageError(f"providers: {error}") from error
    if not names:
        return processors
    known = {*onnxruntime.get_all_providers(), *(entry.name for entry in PROVIDERS)}
    known |= {processor.provider for processor in processors.values()}
    for name in names:
        if name not in known and strict:
            raise both(BundleError, RuntimeError)(f"Unknown Provider Type: {name}: allowed are {sorted(known)}")
    asked = dict(zip(names, options, strict=True))
    found = {word: one for word, one in processors.items() if one.provider in asked}
    kept = {word: one for word, one in found.items() if _obeys(one, asked[one.provider])}
    if found:
        _check_any(kept, f"provider_options={asked}", list(processors))
        return kept
    on_cpu = {word: one for word, one in processors.items() if one.provider == _CPU}
    _check_any(on_cpu, f"providers={names}", list(processors))
    text = "providers=%s: the bundle has none of them, it runs on the CPU"
    log_event("WARNING", "providers_missing", text, names, fields={"processors": list(names)})
    return on_cpu


def _obeys(processor: Processor, options: dict[str, str]) -> bool:
    """Whether a processor has these settings of its provider; ONNX Runtime ignores those of the CPU."""
    if processor.provider == _CPU:
        return True
    settings = getattr(processor, "settings", {})
    return all(settings.get(key) == value for key, value in options.items())


def _tests(options: Any) -> list[tuple[str, Callable[[Processor], bool]]]:
    """Return what options ask of a processor, with their words; refuse what none can keep."""
    if not isinstance(options, onnxruntime.SessionOptions):
        raise both(UsageError, TypeError)(
            f"sess_options: got {type(options).__name__}, allowed are onnxruntime.SessionOptions, or None"
        )
    _refuse(options)
    tests: list[tuple[str, Callable[[Processor], bool]]] = []
    threads = options.intra_op_num_threads
    if threads > 0:
        what = f"sess_options.intra_op_num_threads={threads}"
        tests.append((what, lambda processor: getattr(processor, "threads", 0) <= threads))
    if options.use_deterministic_compute:
        tests.append(("sess_options.use_deterministic_compute", lambda processor: processor.provider == _CPU))
    if _entry(options, _NO_SPINNING) == "0":
        tests.append((f"sess_options {_NO_SPINNING}=0", lambda processor: not getattr(processor, "spinning", False)))
    return tests


def _refuse(options: Any) -> None:
    if options.has_providers():
        raise NotOfBundlesError(
            "sess_options: has providers of its own: give providers=[...], which restrict the bundle"
        )
    if options.enable_profiling:
        raise NotOfBundlesError(
            "sess_options.enable_profiling: a call may be several sessions: measure with compsel perf, or load with "
            "record=FOLDER"
        )
    if options.optimized_model_filepath:
        raise NotOfBundlesError(
            "sess_options.optimized_model_filepath: a bundle has several graphs: write that of the model's own file"
        )
    for key, instead in _REFUSED.items():
        if _entry(options, key) == "1":
            raise NotOfBundlesError(f"sess_options {key}=1: a bundle runs several sessions: {instead}")


def _entry(options: Any, key: str) -> str:
    try:
        return str(options.get_session_config_entry(key))
    except RuntimeError:  # not set
        return ""


def _check_any(kept: dict[str, Processor], what: str, words: Sequence[str]) -> None:
    if not kept:
        raise BundleError(
            f"{what}: allows none of this bundle's processors, {', '.join(words)}: leave it out, or build or port the "
            "bundle with a processor that it allows"
        )
