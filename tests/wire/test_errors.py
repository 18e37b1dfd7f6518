"""The tree of errors that the docstring draws is the tree that there is."""

from __future__ import annotations

import inspect
import re

from wire import errors


def test_the_tree_in_the_docstring_names_every_error_and_no_other():
    drawn = set(re.findall(r"^\s*[│├└─\s]*(\w+Error|BadName)\b", errors.__doc__ or "", re.MULTILINE))
    real = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert drawn == real


def test_every_error_is_one_of_ours():
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert all(issubclass(cls, errors.MenshenError) for cls in classes)
