"""Sessions for graphs with operators of `onnxruntime-extensions`, such as tokenizers: used where it is installed."""

from collections.abc import Callable
from typing import Any

import onnxruntime

from compsel.errors import ModelError

__all__ = ["with_extensions"]

_DOMAIN = "ai.onnx.contrib"


def with_extensions(
    open_session: Callable[[onnxruntime.SessionOptions], Any], options: onnxruntime.SessionOptions
) -> Any:
    """Open a session; where it fails for want of operators of `onnxruntime-extensions`, once more with them.

    Args:
        open_session: opens it with the options.
        options: the library of operators is registered in them where it is needed.

    Raises:
        ModelError: they are needed, and not installed.

    >>> with_extensions(lambda options: "a session", onnxruntime.SessionOptions())
    'a session'
    """
    try:
        return open_session(options)
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        if _DOMAIN not in str(error):
            raise
        try:
            import onnxruntime_extensions
        except ImportError:
            raise ModelError(
                "the model has operators of onnxruntime-extensions, which is not installed: run "
                "pip install onnxruntime-extensions"
            ) from error
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    return open_session(options)
