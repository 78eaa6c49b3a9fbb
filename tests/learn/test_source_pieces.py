"""Source files in pieces: what a piece is, and which names it needs."""

import textwrap

import pytest

from minitx.learn.source_pieces import Piece, names_used, source_file


def piece(text):
    return Piece("minitx.nn.example", textwrap.dedent(text).lstrip("\n"))


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("def f(x):\n    return g(x)", {"g"}),
        ("def f(g):\n    return g", set()),
        ("def f(x):\n    g = 1\n    return lambda: g + h", {"h"}),
        ("def f(x=DEFAULT):\n    pass", {"DEFAULT"}),
        ("def f(x: Kind) -> Other:\n    pass", {"Kind", "Other"}),
        ("@wrap(twin=twin)\ndef f(x):\n    pass", {"wrap", "twin"}),
        ("class A(Base):\n    size = SIZE\n    def f(self):\n        return size", {"Base", "SIZE", "size"}),
        ("a, b = c", {"c"}),
        ("f.title = 'f'", {"f"}),
        ("for name in TABLE:\n    setattr(Thing, name, 1)", {"TABLE", "Thing", "setattr"}),
        ("def f(xs):\n    return [mean(x) for x in xs]", {"mean"}),
    ],
)
def test_names_used_are_the_global_ones(text, used):
    assert names_used(text) == used


def test_piece_defines_names_and_mentions_attributes():
    both = piece("LOW, HIGH = range(2)")
    assert (both.names, both.uses, both.is_definition) == (("LOW", "HIGH"), {"range"}, False)
    mean = piece(
        """
        def centred(x):
            return x - np.mean(x.reshape(-1), keepdims=True).item()
        """
    )
    assert (mean.names, mean.uses, mean.is_definition) == (("centred",), {"np"}, True)
    assert mean.attributes == {"reshape", "item"}  # np.mean is no method


WITH_EXAMPLE = '''
def double(x):
    """Double.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> y = double(Linear(2, 3).weight)
    >>> helper(y).sum()
    6
    """
    return add(x, x)
'''


def test_piece_needs_what_its_examples_need_and_loses_their_imports():
    example = piece(WITH_EXAMPLE)
    assert example.uses == {"add", "helper"}
    assert example.needs == {("minitx.nn.linear", "Linear")}
    assert example.attributes == {"weight", "sum"}
    assert example.text == WITH_EXAMPLE.lstrip("\n").replace("    >>> from minitx.nn.linear import Linear\n", "")


def test_file_is_cut_into_pieces_with_decorators_and_comments():
    file = source_file("minitx.nn.attention")
    assert file.piece_named("attention").text.startswith("@fused(twin=composed_attention)\ndef attention(")
    block = file.piece_named("_CAUSAL_BLOCK")
    assert block.text.startswith("# Tokens per block") and block.text.endswith("_CAUSAL_BLOCK = 96\n")
    assert file.piece_named("softmax") is None
    assert file.internal["Linear"] == ("minitx.nn.linear", "Linear")
    assert file.external["math"] == ("math", None, None)


def test_nothing_of_a_file_is_lost():
    for module in ("minitx.nn.attention", "minitx.autograd.methods", "minitx.detection.average_precision"):
        file = source_file(module)
        kept = "".join(piece.text for piece in file.pieces)
        lines = [line for line in file.text.splitlines() if line.strip() and ">>> from minitx" not in line]
        head = file.docstring.splitlines()
        lost = [line for line in lines if line not in kept and line not in head]
        assert [line for line in lost if not line.startswith(("from ", "import ", '"""', "    ", ")"))] == []
