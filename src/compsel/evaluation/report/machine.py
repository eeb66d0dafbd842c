"""The machine that was measured, and the commands that do it again."""

from collections.abc import Mapping
from html import escape

from compsel.evaluation.report.content import ReportContent
from compsel.evaluation.report.elements import definitions, paragraph, section
from compsel.evaluation.report.words import inputs_word, state_words

__all__ = ["show_machine"]


def show_machine(content: ReportContent) -> str:
    """Return what was measured where, and how to do it again."""
    device = content.device or (content.evaluation or {}).get("device", {})
    rights = {
        True: "; right is what their labels say",
        False: "; they had no labels: right is what the uncompressed network says",
        None: "",
    }
    origin = f" ({content.origin})" if content.origin and content.origin != f"{content.n_samples} samples" else ""
    cores = f", {device['usable_cores']} cores" if "usable_cores" in device else ""
    pairs = [
        ("machine", f"{device.get('cpu', 'unknown')}{cores}, {device.get('system', '')}".rstrip(", ")),
        ("instruction sets", ", ".join(device.get("instruction_sets", ()))),
        ("memory", f"{device['memory_gib']} GiB" if "memory_gib" in device else ""),
        ("runs on", str(device.get("onnxruntime", ""))),
        ("built with", f"{content.n_samples:,} {inputs_word(content.modality)}{origin}{rights[content.labelled]}"),
        ("trained on", _streamed(content)),
        ("states", ", ".join(state_words(name) for name in content.states)),
        ("sizes", content.sizes),
    ]
    here = "They hold for this machine: on another one compsel port measures them again, in about a minute."
    return section(
        "The machine, and how to do it again",
        definitions((word, text) for word, text in pairs if text),
        paragraph(f"Times of the build run from the decoded input to the outputs. {here}", "note"),
        _commands(content),
    )


def _streamed(content: ReportContent) -> str:
    """Return in words how many samples trained and judged where they did not fit memory; "": all did."""
    told = content.summary.get("streaming")
    return str(told.get("words", "")) if isinstance(told, Mapping) else ""


def _commands(content: ReportContent) -> str:
    if content.kind == "profile":
        lines = [f"compsel train {content.name} --out bundle"]
    else:
        lines = [
            "compsel build MODEL.onnx --samples SAMPLES --out " + content.name,
            f"compsel evaluate {content.name} --samples OTHER_SAMPLES --json evaluation.json",
            f"compsel report {content.name} --evaluation evaluation.json --out {content.name}.report.html",
        ]
    text = "\n".join(lines)
    return f'<pre tabindex="0" role="region" aria-label="commands"><code>{escape(text)}</code></pre>'
