"""What the demo says of files that are not those that its outcomes were measured on."""

from dataclasses import replace

import pytest

from compsel.building.demo import say_what_differs
from compsel.inputs.tensor_specs import TensorSpec
from compsel.variants.variant import Variant
from tests.reporters import Heard

SPEC = (TensorSpec("x", "float32", (1, 3)),)
MEASURED = Variant("a/none", "a", "none", "a.onnx", None, None, "1", 1_000_000, SPEC, SPEC, None, "logits")


class HeardWithoutDetails(Heard):
    """As a terminal without --verbose."""

    def detail(self, message: str) -> None:
        return


@pytest.mark.parametrize(("size", "said"), [(1_000_000, 0), (1_001_000, 0), (1_200_000, 1)])
def test_other_bytes_are_said_only_where_they_may_matter(size: int, said: int) -> None:
    heard = HeardWithoutDetails()
    say_what_differs([replace(MEASURED, sha256="2", size_bytes=size)], [MEASURED], heard)
    assert len(heard.messages) == said
