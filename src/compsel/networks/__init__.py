"""The networks of the research line, built as ONNX graphs without any training framework.

>>> build("efficientnet-lite0", resolution=96).preprocessing.mean
(127.0, 127.0, 127.0)
"""

from compsel.networks.building import NETWORKS, build, names
from compsel.networks.measures import macs, parameters
from compsel.networks.network import Network
from compsel.networks.weights import load_weights

__all__ = ["NETWORKS", "Network", "build", "load_weights", "macs", "names", "parameters"]
