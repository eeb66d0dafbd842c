"""The networks of the research line, built as ONNX graphs without any training framework.

>>> build("efficientnet-lite0", resolution=96).preprocessing.mean
(127.0, 127.0, 127.0)
"""

from compsel.models.complexity import macs, parameters
from compsel.networks.checkpoints.loading import load_weights
from compsel.networks.network import Network
from compsel.networks.registry import NETWORKS, build, names

__all__ = ["NETWORKS", "Network", "build", "load_weights", "macs", "names", "parameters"]
