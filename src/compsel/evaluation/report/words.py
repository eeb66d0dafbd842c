"""The words of a report: what things are called, and what the words mean."""

__all__ = ["KINDS", "MEANINGS", "SELECTORS", "SHAPES", "inputs_word", "state_words"]

SELECTORS = {
    "single best": "always the same choice, the best one",
    "most accurate": "always the most accurate uncompressed network",
    "cascade": "starts cheap, reads how sure the answer is, escalates where that pays, fuses the answers",
    "certified cascade": "a cascade that keeps what the bundle promises",
    # the name of the cascade in bundles of compsel 0.1
    "staged": "starts cheap, reads how sure the answer is, escalates where that pays, fuses the answers",
    "cost-sensitive": "learns from features of the input what each choice will cost",
    "classifier": "cost-weighted classification from features of the input",
    "pairwise": "votes of classifiers for each pair of choices (SATzilla)",
    "regression": "predicts each choice's cost, takes the least",
    "neighbours": "takes what was cheapest for the most similar inputs",
    "premodel": "the method of LCTES 2018: a chain of nearest-neighbour classifiers",
    "oracle": "knows the future",
}
# what points of the main picture are, in the order of the legend
KINDS = {
    "adaptive": "this bundle",
    "curve": "this bundle at other costs of an error",
    "sceptic": "hindsight static: what a sceptic would ship",
    "uncompressed": "uncompressed",
    "oracle": "oracle: knows the future",
    "other": "another policy",
    "static": "one variant for every input",
    "dominated": "the same, dominated",
}
# what each is drawn as, around its place
SHAPES = {
    "adaptive": "M0-9.5 2.6-3 9.5-2.6 4.2 1.9 5.9 8.7 0 5 -5.9 8.7 -4.2 1.9 -9.5-2.6 -2.6-3Z",
    "curve": "M-9 4C-3 3-3-4 9-4",
    "sceptic": "M0-7.5 7 5.5H-7Z",
    "uncompressed": "M-6-6H6V6H-6Z",
    "oracle": "M0-8 7 0 0 8-7 0Z",
    "other": "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z",
    "static": "M-4.5 0A4.5 4.5 0 1 0 4.5 0A4.5 4.5 0 1 0-4.5 0Z",
    "dominated": "M-3.5 0A3.5 3.5 0 1 0 3.5 0A3.5 3.5 0 1 0-3.5 0Z",
}
MEANINGS = (
    ("variant", 'what one way of compressing made of a network; "none" is the network itself'),
    ("processor", "where and how an inference runs: cpu:2 is two threads that wait busily, nospin lets them sleep"),
    ("choice", "a variant on a processor"),
    ("static choice", "the same choice for every input; the best one is what an app without compsel would ship"),
    (
        "hindsight static",
        "the fastest static choice that is as accurate as the policy, found on the very inputs that judge: what a "
        "sceptic would ship",
    ),
    ("adaptive", "the policy of this bundle: it chooses for every input, and may run a second variant to be sure"),
    ("cost of an error", "how many milliseconds a wrong answer counts as: the dearer, the more often it makes sure"),
    ("oracle", "chooses with hindsight the cheapest variant that is right: nobody can do better by choosing one"),
    ("gap closed", "how much of the way from the best static choice (0) to the oracle (1) is reached"),
    ("dominated", "another variant of the same network is faster for certain, and at least as good"),
    ("state", "what else the device does: busy:N is N other processes that each keep a core busy"),
)
_INPUTS = {"image": "images", "text": "texts", "tensors": "rows"}


def inputs_word(modality: str) -> str:
    """Return what inputs are called, in the plural.

    >>> inputs_word("text")
    'texts'
    """
    return _INPUTS.get(modality, "inputs")


def state_words(name: str) -> str:
    """Return what a state of the device is called.

    >>> state_words("idle"), state_words("busy:1"), state_words("busy:4"), state_words("hot")
    ('idle', '1 busy neighbour', '4 busy neighbours', 'hot')
    """
    word, _, count = name.partition(":")
    if word != "busy" or not count:
        return name
    return f"{count} busy neighbour{'' if count == '1' else 's'}"
