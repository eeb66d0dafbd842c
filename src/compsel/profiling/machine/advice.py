"""What could be faster on a machine, and why, each with what to do: rules over a diagnosis."""

from collections.abc import Callable, Iterator

from compsel.profiling.machine.diagnosis import Diagnosis, Finding

__all__ = ["findings", "int8_verdict"]

_PAYS, _COSTS = 1.1, 0.95
_BUSY_CORES = 0.2
_LITTLE_MEMORY_GIB = 1.0
_POOR_SCALING = 0.6
_INT8_SETS = {"avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"}


def int8_verdict(diagnosis: Diagnosis) -> str:
    """Say in a sentence whether int8 pays on this machine."""
    figure = diagnosis.int8
    measured = f"{figure.value:.1f}x (95 %: {figure.low:.1f} to {figure.high:.1f}) the speed of float32"
    where = "on a matrix product, one thread"
    if figure.low > _PAYS:
        return f"int8 pays here: {measured} {where}"
    if figure.high < _COSTS:
        return f"int8 does not pay here: {measured} {where}"
    return f"int8 hardly matters here: {measured} {where}"


def findings(diagnosis: Diagnosis) -> list[Finding]:
    """Return what could be faster, or is missing, the most important first."""
    return [finding for rule in _RULES for finding in rule(diagnosis)]


def _load(seen: Diagnosis) -> Iterator[Finding]:
    if seen.state.load_others > _BUSY_CORES:
        yield Finding(
            f"other processes keep {seen.state.load_others:.1f} of {seen.state.cores} cores busy",
            "what is measured now is a busy machine, not an idle one",
            "stop them before a build (top shows them)",
        )
    if seen.state.throttled:
        yield Finding(
            "the processor is held back now, by heat or by a container's quota",
            "the same inference takes longer",
            "let it cool, or raise the quota",
        )
    if seen.state.on_battery:
        yield Finding("this device runs on its battery", "clocks are lower", "plug it in before a build")


def _instruction_sets(seen: Diagnosis) -> Iterator[Finding]:
    sets = set(seen.device["instruction_sets"])
    if seen.int8.low <= _PAYS:
        lacking = "" if sets & _INT8_SETS or not sets else " (no VNNI, AMX or dot-product instructions)"
        yield Finding(
            f"int8 is no faster than float32 here{lacking}",
            "int8 variants save memory, not time",
            "try resolution, channel-prune or a smaller network instead (--technique)",
        )
    if seen.device["architecture"] in ("x86_64", "AMD64") and sets and "avx2" not in sets:
        yield Finding(
            "the processor shows no AVX2",
            "ONNX Runtime's fast kernels need it",
            "let the virtual machine pass the host's processor through (for QEMU: -cpu host)",
        )


def _cores(seen: Diagnosis) -> Iterator[Finding]:
    usable, cores = seen.device["usable_cores"], seen.device["cores"]
    if seen.quota is not None and seen.quota < cores:
        yield Finding(
            f"a control group allows {seen.quota:g} of {cores} cores",
            "more threads than that are stopped in the middle of an inference",
            "raise it (for Docker: --cpus), or use no more threads than that (cpu:N)",
        )
    elif usable < cores:
        yield Finding(
            f"this process may run on {usable} of {cores} cores", "its affinity mask says so", "look for taskset"
        )
    if seen.threads is not None and seen.threads.value < _POOR_SCALING * usable:
        yield Finding(
            f"{usable} threads are {seen.threads.value:.1f} times as fast as one",
            "cores are shared: by two threads of one core, by other processes, or by other virtual machines",
            "let the build measure fewer threads too (--processor cpu:1), or free the cores",
        )


def _clocks(seen: Diagnosis) -> Iterator[Finding]:
    if slow := [name for name in seen.governors if name in ("powersave", "conservative", "ondemand")]:
        yield Finding(
            f"the clocks' governor is {', '.join(slow)}",
            "clocks rise late, and the first inferences after a pause are slow",
            "cpupower frequency-set -g performance (as root), where power allows",
        )


def _memory(seen: Diagnosis) -> Iterator[Finding]:
    free_gib = seen.state.free_memory_bytes / 2**30
    if free_gib < _LITTLE_MEMORY_GIB:
        yield Finding(f"{free_gib:.1f} GiB of memory are free", "building needs more", "close what uses it")


def _providers(seen: Diagnosis) -> Iterator[Finding]:
    if seen.gpus and "cuda" in seen.not_offered:
        yield Finding(
            f"{seen.gpus} NVIDIA GPU{'s' * (seen.gpus > 1)}, and this ONNX Runtime cannot use it",
            "large models and batches run faster there",
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu",
        )
    if "Intel" in seen.device["cpu"] and "openvino" in seen.not_offered:
        yield Finding(
            "an Intel processor without the OpenVINO provider",
            "it may run the same model faster, and on the processor's GPU and NPU",
            "pip install onnxruntime-ep-openvino, then compsel devices",
        )
    runtimes = seen.device["onnxruntime"].split(", ")
    if len(runtimes) > 1:
        yield Finding(
            f"several packages of ONNX Runtime are installed ({', '.join(runtimes)})",
            "they overwrite each other's files",
            "pip uninstall all of them, then install one",
        )


def _packages(seen: Diagnosis) -> Iterator[Finding]:
    said: set[str] = set()
    for extra in seen.extras:
        new = set(extra.missing) - said
        said |= new
        if new:
            yield Finding(
                f"{', '.join(sorted(new))} not installed", f"part of {extra.name or 'compsel'}", extra.command
            )


def _meters(seen: Diagnosis) -> Iterator[Finding]:
    if not any(meter.available for meter in seen.meters):
        reasons = "; ".join(f"{meter.name}: {meter.reason}" for meter in seen.meters)
        yield Finding(
            "no energy meter can be read", reasons, "for a guess from the time that cores are busy: --meter estimate:3"
        )


_RULES: tuple[Callable[[Diagnosis], Iterator[Finding]], ...] = (
    *(_load, _instruction_sets, _cores, _clocks, _memory),
    *(_providers, _packages, _meters),
)
