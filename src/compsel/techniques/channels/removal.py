"""Remove channels from a graph: cut every weight, bias and shape along them."""

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant
from compsel.models.editing import remove_unused, set_attribute
from compsel.models.graph_queries import constants, is_standard
from compsel.models.layers import bias_name, output_axis
from compsel.techniques.channels.coupling import ChannelCoupling, ChannelLayout, CoupledLayer
from compsel.techniques.channels.propagation import PER_CHANNEL, constant_axis

__all__ = ["remove_channels"]


def remove_channels(
    editable: EditableGraph,
    coupling: ChannelCoupling,
    removed: Collection[int],
    ranks: Mapping[str, int],
    changed: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Remove channels from a graph, in place.

    Args:
        editable: the graph that `coupling` was traced in.
        coupling: where the channels lie.
        removed: channels of `coupling.groups`.
        ranks: number of axes of each value.
        changed: other values, by name, of weights that are cut; taken out when they are used: large ones do not stay
            in memory.

    Returns:
        which output features each cut layer keeps, bool, by name of the layer.
    """
    remover = _ChannelRemover(editable, coupling, removed, ranks, changed)
    for node in editable.graph.node:
        remover.cut(node)
    remove_unused(editable.graph)
    # shapes written down before are no longer true
    del editable.graph.value_info[:]
    return remover.kept


class _ChannelRemover:
    """Cuts the weights and constants of nodes, one after the other; the arguments are those of `remove_channels`."""

    def __init__(
        self,
        editable: EditableGraph,
        coupling: ChannelCoupling,
        removed: Collection[int],
        ranks: Mapping[str, int],
        changed: dict[str, np.ndarray],
    ) -> None:
        self.editable, self.layouts, self.removed, self.ranks = editable, coupling.layouts, removed, ranks
        self.changed = changed
        self.layers = {layer.node: layer for layer in coupling.layers}
        self.weights, self.names = constants(editable.graph), FreshNames(editable.graph)
        self.kept: dict[str, np.ndarray] = {}

    def cut(self, node: onnx.NodeProto) -> None:
        if node.name in self.layers:
            self._cut_layer(node, self.layers[node.name])
        elif is_standard(node, *PER_CHANNEL):
            keep = self._keep(node.output[0])
            for index in PER_CHANNEL[node.op_type] if keep is not None else ():
                tensor = self.weights[node.input[index]]
                axis = int(np.argmax(tensor.dims)) if len(tensor.dims) else 0
                if keep is not None and tensor.dims and tensor.dims[axis] == len(keep):
                    self._replace(node, index, np.compress(keep, self.editable.array(tensor), axis))
        elif is_standard(node, "Reshape"):
            self._cut_shape(node)
        else:
            self._cut_constants(node)

    def _cut_layer(self, node: onnx.NodeProto, layer: CoupledLayer) -> None:
        ins = ~np.isin(layer.inputs, list(self.removed))
        outs = ~np.isin(layer.outputs, list(self.removed))
        if ins.all() and outs.all():
            return
        depthwise = layer.blocks > 1 and layer.blocks == len(ins)
        if depthwise:
            set_attribute(node, "group", int(ins.sum()))
        ins = np.ones(1, bool) if depthwise else ins[: len(ins) // layer.blocks]
        cut = np.ix_(outs, ins) if output_axis(node) == 0 else np.ix_(ins, outs)
        self._replace(node, 1, self._array(node.input[1])[cut])
        if bias_name(node):
            self._replace(node, 2, self._array(node.input[2])[..., outs])
        self.kept[node.name] = outs

    def _array(self, name: str) -> np.ndarray:
        changed = self.changed.pop(name, None)
        return self.editable.array(self.weights[name]) if changed is None else changed

    def _cut_shape(self, node: onnx.NodeProto) -> None:
        keep = self._keep(node.output[0])
        if keep is None:
            return
        target = numpy_helper.to_array(self.weights[node.input[1]]).copy()
        if target[-1] > 0:
            target[-1] = int(keep.sum())
            self._replace(node, 1, target)

    def _cut_constants(self, node: onnx.NodeProto) -> None:
        layout: ChannelLayout | None = self.layouts.get(node.output[0]) if node.output else None
        keep = self._keep(node.output[0]) if node.output else None
        if layout is None or keep is None:
            return
        for index, name in enumerate(node.input):
            if name in self.weights:
                axis = constant_axis(layout, self.ranks[node.output[0]], tuple(self.weights[name].dims))
                if axis is not None:
                    self._replace(node, index, np.compress(keep, self.editable.array(self.weights[name]), axis))

    def _keep(self, name: str) -> np.ndarray | None:
        """Return which channels of a value stay; None when all do."""
        layout = self.layouts.get(name)
        keep = layout.kept(self.removed) if layout is not None else None
        return None if keep is None or keep.all() else keep

    def _replace(self, node: onnx.NodeProto, index: int, values: np.ndarray) -> None:
        # under a name of its own: another node may read the constant too
        name = self.names(f"{node.input[index]}.cut")
        self.weights[name] = add_constant(self.editable.graph, name, values)
        node.input[index] = name
