import subprocess
import sys

import pytest

from compsel.inputs.imagenet_classes import imagenet_classes


def test_there_are_1000_names() -> None:
    assert len(imagenet_classes()) == 1000


def test_every_name_is_clean_ascii() -> None:
    unclean = [name for name in imagenet_classes() if not name or name != " ".join(name.split()) or not name.isascii()]
    assert unclean == []


def test_names_differ_by_more_than_case() -> None:
    names = [name.casefold() for name in imagenet_classes()]
    assert [name for name in set(names) if names.count(name) > 1] == []


# Spread over the whole range: a line lost or added anywhere moves the names behind it.
@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "tench"),
        (1, "goldfish"),
        (99, "goose"),
        (207, "golden retriever"),
        (281, "tabby"),
        (340, "zebra"),
        (388, "giant panda"),
        (404, "airliner"),
        (468, "cab"),
        (508, "computer keyboard"),
        (638, "maillot (tights)"),
        (639, "maillot (tank suit)"),
        (701, "parachute"),
        (779, "school bus"),
        (850, "teddy"),
        (920, "traffic light"),
        (954, "banana"),
        (985, "daisy"),
        (999, "toilet tissue"),
    ],
)
def test_index_names_the_class(index: int, name: str) -> None:
    assert imagenet_classes()[index] == name


def test_objects_stand_in_the_order_of_their_wordnet_ids() -> None:
    # WordNet numbers artefacts alphabetically, so this stretch of the list checks itself
    bare = [name.split(" (")[0].casefold() for name in imagenet_classes()[398:916]]
    artefacts = ["".join(filter(str.isalnum, name)) for name in bare]
    assert artefacts == sorted(artefacts)


def test_reading_the_names_imports_nothing_heavy() -> None:
    program = (
        "import sys; from compsel.inputs.imagenet_classes import imagenet_classes; imagenet_classes();"
        "print(sorted({'numpy', 'onnx', 'onnxruntime', 'cv2', 'sklearn'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
