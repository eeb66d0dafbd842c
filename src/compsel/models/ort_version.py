"""Which versions of ONNX Runtime a bundle may be loaded with."""

import onnxruntime

from compsel.errors import MissingDependencyError

__all__ = ["check_ort_version"]

# setup.cfg says it too: builds of other names, and what was installed without looking, escape that
_LEAST = (1, 25)


def check_ort_version(version: str = onnxruntime.__version__) -> None:
    """Refuse versions that load weights from outside a bundle (before 1.24), or end the process where whole numbers are
    divided by zero (before 1.25).

    Raises:
        MissingDependencyError: an older one.

    >>> check_ort_version("1.23.2")
    Traceback (most recent call last):
    compsel.errors.MissingDependencyError: ONNX Runtime 1.23.2 is installed, bundles are safe to load from 1.25 on: run
    pip install --upgrade 'onnxruntime>=1.25', or a build of that version for your device
    """
    major, minor = [*version.split("."), ""][:2]
    if major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) < _LEAST:
        least = ".".join(map(str, _LEAST))
        raise MissingDependencyError(
            f"ONNX Runtime {version} is installed, bundles are safe to load from {least} on: run pip install --upgrade "
            f"'onnxruntime>={least}', or a build of that version for your device"
        )
