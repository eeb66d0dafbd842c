"""The table of ONNX Runtime's execution providers: one line makes a provider known to compsel.

The options' names are ours, the same word for the same thing everywhere; their settings are the provider's own, as ONNX
Runtime's pages on execution providers and the provider's options list them. A setting that an installed version does
not know makes the processor unavailable, with the provider's words as the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compsel.errors import ProcessorError, did_you_mean

__all__ = ["ANY", "PROVIDERS", "STRICT", "Provider"]

ANY = "*"
# understood for every provider: a graph that is not placed whole is refused
STRICT = "strict"

Settings = Mapping[str, str]
Options = Mapping[str, Mapping[str, Settings]]


@dataclass(frozen=True, slots=True)
class Provider:
    """One line of the table: an execution provider, its devices and options.

    Attributes:
        word: the first part of a processor's name.
        name: ONNX Runtime's name of it.
        devices: what is looked for; "" where the provider has only one; "0": they are numbered.
        option: the provider's setting that takes the device; "" where it takes none.
        package: what brings it.
        options: by our word and by allowed value, the provider's settings; `ANY` allows every value, which stands for
            {} in the settings.
        kinds: by device, ONNX Runtime's kind of hardware, where a plug-in offers several.
        whole_only: devices that must take the whole graph, because the provider itself goes elsewhere with the rest.

    >>> Provider("x", "XExecutionProvider", options={"cache": {ANY: {"cache_dir": "{}"}}}).settings({"cache": "kept"})
    {'cache_dir': 'kept'}
    """

    word: str
    name: str
    devices: tuple[str, ...] = ("",)
    option: str = ""
    package: str = "a build of ONNX Runtime with it"
    options: Options = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    whole_only: tuple[str, ...] = ()

    def settings(self, options: Mapping[str, str]) -> dict[str, str]:
        """Return the provider's settings for options in our words.

        Raises:
            ProcessorError: an option or a value that the provider has not.
        """
        settings: dict[str, str] = {}
        for key, value in options.items():
            values = {"true": {}} if key == STRICT else self.options.get(key)
            if values is None:
                near = did_you_mean(key, (*self.options, STRICT))
                allowed = ", ".join(sorted({*self.options, STRICT}))
                raise ProcessorError(f"{self.word}: got option {key!r}, allowed are {allowed}{near}")
            chosen = values.get(value, values.get(ANY))
            if chosen is None or not value:
                near = did_you_mean(value, values)
                raise ProcessorError(f"{self.word}: got {key}={value}, allowed are {', '.join(sorted(values))}{near}")
            settings |= {name: text.replace("{}", value) for name, text in chosen.items()}
        return settings


_ON = {"true": "1", "false": "0"}
_TENSORRT: Options = {
    "precision": {"f32": {}, "f16": {"trt_fp16_enable": "1"}, "int8": {"trt_int8_enable": "1"}},
    "tuning": {str(level): {"trt_builder_optimization_level": str(level)} for level in range(6)},
    "cache": {
        ANY: {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": "{}",
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": "{}",
        }
    },
}
_OPENVINO: Options = {
    "precision": {
        word: {"precision": name} for word, name in (("f32", "FP32"), ("f16", "FP16"), ("as-is", "ACCURACY"))
    },
    "threads": {ANY: {"num_of_threads": "{}"}},
    "streams": {ANY: {"num_streams": "{}"}},
    "cache": {ANY: {"cache_dir": "{}"}},
}
_CUDA: Options = {
    "tuning": {word: {"cudnn_conv_algo_search": word.upper()} for word in ("default", "heuristic", "exhaustive")},
    "tf32": {word: {"use_tf32": flag} for word, flag in _ON.items()},
    "layout": {"nhwc": {"prefer_nhwc": "1"}, "nchw": {"prefer_nhwc": "0"}},
    "memory": {ANY: {"gpu_mem_limit": "{}"}},
}
_MIGRAPHX: Options = {
    "precision": {"f32": {}, "f16": {"migraphx_fp16_enable": "1"}, "int8": {"migraphx_int8_enable": "1"}},
    "tuning": {"exhaustive": {"migraphx_exhaustive_tune": "1"}, "default": {"migraphx_exhaustive_tune": "0"}},
    "cache": {ANY: {"migraphx_model_cache_dir": "{}"}},
}
_ROCM: Options = {
    "tuning": {
        "tunable": {"tunable_op_enable": "1", "tunable_op_tuning_enable": "1"},
        "exhaustive": {"miopen_conv_exhaustive_search": "1"},
    },
}
_WEBGPU: Options = {
    "layout": {word: {"preferredLayout": word.upper()} for word in ("nhwc", "nchw")},
    "backend": {"vulkan": {"dawnBackendType": "Vulkan"}, "d3d12": {"dawnBackendType": "D3D12"}},
    "validation": {word: {"validationMode": word} for word in ("disabled", "wgpuOnly", "basic", "full")},
}
_COREML: Options = {
    "format": {"program": {"ModelFormat": "MLProgram"}, "network": {"ModelFormat": "NeuralNetwork"}},
    "tuning": {
        "default": {"SpecializationStrategy": "Default"},
        "fast": {"SpecializationStrategy": "FastPrediction"},
    },
    "cache": {ANY: {"ModelCacheDirectory": "{}"}},
}
_QNN: Options = {
    "precision": {"f16": {"enable_htp_fp16_precision": "1"}, "f32": {"enable_htp_fp16_precision": "0"}},
    "tuning": {str(level): {"htp_graph_finalization_optimization_mode": str(level)} for level in range(4)},
    "power": {
        word: {"htp_performance_mode": word.replace("-", "_")}
        for word in ("burst", "balanced", "default", "high-performance", "power-saver", "low-power-saver")
    },
}

PROVIDERS = (
    Provider("cuda", "CUDAExecutionProvider", ("0",), "device_id", "onnxruntime-gpu", _CUDA),
    Provider("tensorrt", "TensorrtExecutionProvider", ("0",), "device_id", "onnxruntime-gpu and TensorRT", _TENSORRT),
    Provider("tensorrt-rtx", "NvTensorRTRTXExecutionProvider", ("0",), "device_id", "onnxruntime-ep-nv-tensorrt-rtx"),
    Provider("migraphx", "MIGraphXExecutionProvider", ("0",), "device_id", "onnxruntime-migraphx", _MIGRAPHX),
    Provider("rocm", "ROCMExecutionProvider", ("0",), "device_id", "onnxruntime-rocm", _ROCM),
    Provider(
        "openvino",
        "OpenVINOExecutionProvider",
        ("CPU", "GPU", "NPU"),
        "device_type",
        "onnxruntime-openvino or onnxruntime-ep-openvino",
        _OPENVINO,
        {"CPU": "CPU", "GPU": "GPU", "NPU": "NPU"},
        # what the NPU's compiler refuses, the provider would compile for the processor, without a word
        whole_only=("NPU",),
    ),
    Provider(
        "webgpu", "WebGpuExecutionProvider", package="onnxruntime-webgpu or onnxruntime-ep-webgpu", options=_WEBGPU
    ),
    Provider("directml", "DmlExecutionProvider", ("0",), "device_id", "onnxruntime-directml"),
    Provider(
        "coreml",
        "CoreMLExecutionProvider",
        ("ALL", "CPUAndGPU", "CPUAndNeuralEngine"),
        "MLComputeUnits",
        "onnxruntime for macOS",
        _COREML,
    ),
    Provider(
        "qnn",
        "QNNExecutionProvider",
        ("htp", "gpu", "cpu"),
        "backend_type",
        "onnxruntime-qnn",
        _QNN,
        {"htp": "NPU", "gpu": "GPU", "cpu": "CPU"},
    ),
    Provider("nnapi", "NnapiExecutionProvider", package="onnxruntime for Android"),
    Provider("xnnpack", "XnnpackExecutionProvider", options={"threads": {ANY: {"intra_op_num_threads": "{}"}}}),
    Provider("dnnl", "DnnlExecutionProvider"),
    Provider("vitisai", "VitisAIExecutionProvider", options={"cache": {ANY: {"cache_dir": "{}"}}}),
    Provider("cann", "CANNExecutionProvider", ("0",), "device_id", "onnxruntime-cann"),
)
