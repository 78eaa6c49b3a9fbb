"""The texts that `minitx eject` fills in: the head and the end of an ejected file, and its test.

Steps of a trial are of three kinds: functions of plain arrays that return a pullback ("arrays"), functions of Tensors
("tensors"), and functions without arguments that have a value only ("values"). Notebook: none.
"""

FILE_HEADER = """\
# Ejected from minitx {version}: {path} with all that it needs besides NumPy (2.0 or newer).
# Run this file, and it {promise}. What nothing here uses was left out{left_out};
# comments may still name it.
#
# SPDX-FileCopyrightText: 2026 the minitx authors
# SPDX-License-Identifier: MIT
# SHA-256 of the sources, one after another: {digest}
#
# From line on, out of the file:
{contents}
"""

# What a file does when it is run, and what its test asserts of each step of the trial, by what the steps are.
FILE_MAINS = {
    "arrays": """\
        tell_gaps(title, pullback_gaps(function, *arrays))
""",
    "tensors": """\
        if arrays:
            tell_gaps(title, tensor_gaps(function, *arrays))
        else:
            tell_value(title, function())
""",
    "values": """\
        tell_value(title, function())
""",
}
TRIAL_HELPERS = {
    "arrays": ("pullback_gaps", "tell_gaps"),
    "tensors": ("tensor_gaps", "tell_gaps", "tell_value"),
    "values": ("tell_value",),
}
TRIAL_NOTES = {
    "arrays": "Each step is what is tried, a function that returns its output and a pullback, and its arrays.",
    "tensors": """\
Each step is what is tried, a function (or layer) and its arrays: their gradients are checked, and those of the
parameters of a layer. Without arrays there is only a value.""",
    "values": "Each step is what is tried, a function that gives a value, and nothing: no gradient is to be checked.",
}
TEST_ASSERTIONS = {
    "gradients": """\
    gaps = {stem}.{gaps}(function, *arrays)
    wrong = {{name: gap for name, gap in gaps.items() if not gap < {stem}.GAP_ALLOWED}}
    assert gaps and not wrong, f"wrong gradients, and by how much of their size: {{wrong}}"
""",
    "values": """\
    value = function()
    assert value_digest(value) == GIVEN[title], f"another value than in minitx: {{value!r}}"
""",
    "gradients and values": """\
    if not arrays:
        value = function()
        assert value_digest(value) == GIVEN[title], f"another value than in minitx: {{value!r}}"
        return
    gaps = {stem}.{gaps}(function, *arrays)
    wrong = {{name: gap for name, gap in gaps.items() if not gap < {stem}.GAP_ALLOWED}}
    assert gaps and not wrong, f"wrong gradients, and by how much of their size: {{wrong}}"
""",
}

TEST_HEAD = '''\
"""Tests of {stem}.py beside this file: {promise}.

Run them with `pytest test_{stem}.py`; they need pytest and NumPy.
"""
# Ejected from minitx {version}.
# SPDX-FileCopyrightText: 2026 the minitx authors
# SPDX-License-Identifier: MIT

import doctest
{imports}
import pytest

import {stem}
{recorded}'''

TEST_IMPORTS = """\
import hashlib
import re
import sys

import numpy as np"""

TEST_RECORDS = """
# What each step gave in minitx: the beginning of a hash of how it is written, with numbers rounded to six digits.
GIVEN = {{
{given}}}


{digest}
"""

TEST_BODY = """
STEPS = list({stem}.{trial}())


@pytest.mark.parametrize(("title", "function", "arrays"), STEPS, ids=[step[0] for step in STEPS])
def test_{what}(title, function, arrays):
{assertions}

def test_examples_of_the_docstrings():
    result = doctest.testmod({stem}, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed, "what an example gives is not what its docstring says; see above"
"""
