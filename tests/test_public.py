"""The public names: what `__all__` says is there, documented, and nothing else is said."""

import importlib
import inspect
import pkgutil

import pytest

import compsel

MODULES = [name for _, name, _ in pkgutil.walk_packages(compsel.__path__, "compsel.") if not name.endswith("__main__")]


@pytest.mark.parametrize("name", ["compsel", *MODULES])
def test_every_public_name_exists_once_and_is_documented(name):
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])
    assert len(set(public)) == len(public)
    assert module.__doc__
    for entry in public:
        value = getattr(module, entry)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{name}.{entry} has no docstring"


def test_the_package_says_all_it_has():
    assert set(dir(compsel)) == set(compsel.__all__)
    assert set(compsel._HOME) | {"__version__"} == set(compsel.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = compsel.nothing


def test_a_module_that_gives_names_says_which():
    for name in MODULES:
        module = importlib.import_module(name)
        given = [key for key, value in vars(module).items() if not key.startswith("_") and not inspect.ismodule(value)]
        assert hasattr(module, "__all__") or not given, f"{name} gives {given} and has no __all__"


def test_lazy_packages_give_what_they_name():
    for name in ("compsel", "compsel.selection"):
        module = importlib.import_module(name)
        for entry, home in module._HOME.items():
            assert getattr(module, entry) is getattr(importlib.import_module(home), entry)
