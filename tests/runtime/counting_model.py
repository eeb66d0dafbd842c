"""A model that counts as far as it is told: it runs as long as a test needs."""

import onnx

from compsel.models.model import Model

_COUNTING = """
<ir_version: 8, opset_import: ["" : 14]>
counting (int64[1] n) => (float[1] y)
<bool go = {1}, float[1] zero = {0}, int64[0] none = {}>
{
  times = Reshape (n, none)
  y = Loop (times, go, zero) <body = body (int64 i, bool more, float[1] before) => (bool on, float[1] after) {
      on = Identity (more)
      one = Constant <value = float[1] {1}> ()
      after = Add (before, one)
  }>
}
"""


def counting_model() -> Model:
    """Return the model; `n`, int64 (1,), says how far."""
    return Model.from_proto(onnx.parser.parse_model(_COUNTING), "counting")
