"""Which column of a table holds what: by what people call it, unless it is named.

Words are tried in order: the one of this project's documents, then others that mean nothing else, then weak ones. Two
columns of the same rank are an error that names both: a guess would be silent.
"""

import re
from collections.abc import Sequence

from compsel.errors import SamplesError, did_you_mean

__all__ = ["WORDS", "find_column", "required_column"]

_FILE = """filename file_name filepath file_path fname image image_path image_file image_filename image_name imagepath
    imagefile img img_path img_file img_name picture photo photograph path relative_path relpath files filenames"""
_TEXT = """texts sentence sentences query utterance question content review message comment document tweet prompt body
    headline"""
_LABEL = """labels class classes class_name classname class_id class_index class_idx label_id label_index label_idx
    label_name category categories category_name category_id species breed intent topic sentiment"""
_WEAK_LABEL = "target targets y answer tag ground_truth groundtruth gt truth type output"
#: by kind of column: words by rank, the surest first
WORDS: dict[str, tuple[frozenset[str], ...]] = {
    kind: tuple(frozenset(words.split()) for words in ranks)
    for kind, ranks in {
        "file": ("file", _FILE, "name image_id id key"),
        "text": ("text", _TEXT, "title description input"),
        "label": ("label", _LABEL, _WEAK_LABEL),
        "group": ("group", "group_id groups"),
    }.items()
}


# many parameters: what is looked for, where, and what messages need
def find_column(
    kind: str, columns: Sequence[str], named: str | None, source: object, taken: str | None = None
) -> str | None:
    """Return the column of a kind; None where there is none.

    Args:
        kind: "file", "text", "label" or "group".
        columns: of the table.
        named: what the user says; it has to be there.
        source: what the table is called in messages.
        taken: a further column of the table, which holds something else.

    Raises:
        SamplesError: a named column that is not there, or several that could be it.

    >>> find_column("label", ["Image Path", "Species"], None, "birds.csv")
    'Species'
    >>> find_column("label", ["path", "class", "category"], None, "birds.csv")
    Traceback (most recent call last):
    compsel.errors.SamplesError: birds.csv: columns 'class' and 'category' could both hold the labels: name one: ...
    """
    if named is not None:
        if named not in columns:
            every = [*([taken] if taken is not None else []), *columns]
            other = f": {named!r} holds something else" if named == taken else did_you_mean(named, columns)
            raise SamplesError(f"{source}: got columns {every}, needed is {named!r} (--{kind}){other}")
        return named
    for words in WORDS[kind]:
        found = list(dict.fromkeys(column for column in columns if _plain(column) in words))
        if len(found) > 1:
            raise SamplesError(
                f"{source}: columns {' and '.join(map(repr, found))} could both hold the {kind}s: name one: "
                f"--{kind} {found[0]}, or {kind}={found[0]!r}"
            )
        if found:
            return found[0]
    return None


def required_column(kind: str, columns: Sequence[str], named: str | None, source: object) -> str:
    """Return the column of a kind.

    Raises:
        SamplesError: there is none, or several that could be it.
    """
    found = find_column(kind, columns, named, source)
    if found is None:
        raise SamplesError(
            f"{source}: got columns {list(columns)}, needed is {kind!r}: name the column of the {kind}s: "
            f"--{kind} COLUMN, or {kind}='COLUMN'; the first line has to name the columns"
        )
    return found


def _plain(column: str) -> str:
    return re.sub(r"[\s\-.]+", "_", column.strip()).casefold()
