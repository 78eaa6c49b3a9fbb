"""explain: the shapes that really flow, sums that add up, faults that are found where they arise, and no trace left."""

import html.parser
import subprocess
import sys
import threading
import traceback
from types import SimpleNamespace

import numpy as np
import pytest

import minitx
from minitx import functional as F
from minitx import models, nn, plot
from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor
from minitx.autograd.watching import _op_watchers
from minitx.learn import explain
from minitx.learn.explanation_table import explanation_html, flop_unit
from minitx.learn.profiling import profile
from minitx.learn.thumbnails import thumbnail_blocks, thumbnail_of, thumbnail_pixels
from minitx.models.small_backbone import SmallBackbone

random = np.random.default_rng(0)
x = random.standard_normal((2, 5, 16), dtype=np.float32)
images = random.standard_normal((2, 3, 32, 32), dtype=np.float32)


def vision_transformer():
    return models.VisionTransformer(8, 2, 1, 10, embed_dim=16, depth=3, num_heads=4, mlp_dim=32)


def detr():
    sizes = {"hidden_dim": 16, "nheads": 2, "num_encoder_layers": 2, "num_decoder_layers": 3, "dim_feedforward": 32}
    return models.DETR(SmallBackbone(16), num_classes=10, num_queries=5, **sizes)


MODELS = {
    "ViT": lambda: (vision_transformer(), images[:, :1, :8, :8]),
    "DETR": lambda: (detr(), images, np.arange(32)[None, None] * np.ones((2, 32, 1)) > [[[40.0]], [[20.0]]]),
    "Seq2Seq": lambda: (
        models.Seq2SeqTransformer(
            20, d_model=8, nhead=2, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=16, max_len=10
        ),
        np.array([[4, 5, 6], [7, 8, 0]]),
        np.array([[1, 9], [1, 10]]),
    ),
    "GPT": lambda: (models.GPT(30, 16, embed_dim=8, depth=2, num_heads=2), np.array([[5, 7, 9]])),
    "BERT": lambda: (models.BERT(30, 16, embed_dim=8, depth=2, num_heads=2, mlp_dim=16), np.array([[5, 7, 9]])),
    "LSTM": lambda: (nn.LSTM(16, 6, 2), x),
    "Captioner": lambda: (models.Captioner(vocab_size=20), images, np.ones((2, 5), int)),
    "Sequential": lambda: (nn.Sequential(nn.Linear(16, 3), nn.ReLU(), nn.Linear(3, 3)), x),
    "Linear": lambda: (nn.Linear(16, 3), x),
}


def named(explained):
    return {row.name: row for row in explained.rows}


@pytest.mark.parametrize("name", MODELS)
def test_rows_say_what_happened(name):
    model, *inputs = MODELS[name]()
    found = explain(model, *inputs, thumbnails=True)
    with minitx.no_grad():
        counted = profile(lambda: model(*inputs), runs=1).all_ops.flops
    root = found.rows[0]
    assert root.kind == type(model).__name__ and root.level == 0 and root.calls == 1
    assert (root.flops, root.parameters) == (counted, model.num_parameters())
    assert found.trouble == "" and all(row.finite for row in found.rows)
    called = sum(row.modules for row in found.rows if not row.note and not row.again)
    assert called >= 1 and all(0 < row.level <= before.level + 1 for before, row in zip(found.rows, found.rows[1:]))
    for place, row in enumerate(found.rows):
        inside = [other for other in _below(found.rows, place) if other.level == row.level + 1]
        assert sum(other.flops * other.modules * other.calls for other in inside) <= row.flops
        assert (row.calls == 0) == bool(row.note) == (not row.leaving)
        assert (row.thumbnail is None) == bool(row.note)
    for text in (repr(found), explanation_html(found)):
        assert all(line in text for row in found.rows for line in row.leaving)
    assert all(len(line) == len(line.rstrip()) for line in repr(found).splitlines())


def _below(rows, place):
    for row in rows[place + 1 :]:
        if row.level <= rows[place].level:
            return
        yield row


def test_all_modules_stand_in_the_order_of_the_calls():
    model = vision_transformer()
    found = explain(model, images[:, :1, :8, :8])
    assert [(row.level, row.name, row.kind) for row in found.rows[:8]] == [
        (0, "VisionTransformer", "VisionTransformer"),
        (1, "patch_embedding", "PatchEmbedding"),
        (2, "proj", "Conv2d"),
        (1, "dropout", "Dropout"),
        (1, "encoder", "TransformerEncoder"),
        (2, "layers.0-2", "TransformerEncoderLayer"),
        (3, "norm1", "LayerNorm"),
        (3, "self_attn", "MultiheadAttention"),
    ]
    rows = named(found)
    assert rows["proj"].note == "weights used"
    assert rows["layers.0-2"].modules == 3
    assert rows["layers.0-2"].parameters * 3 + rows["norm"].parameters == rows["encoder"].parameters
    assert (rows["linear1"].entering, rows["linear1"].leaving) == (["(2, 17, 16)"], ["(2, 17, 32)"])
    changed = {row.name for row in found.rows if row.changed}
    assert changed == {"VisionTransformer", "patch_embedding", "linear1", "linear2", "head"}
    marked = {line.split(":")[0].strip() for line in repr(found).splitlines() if "▸ (" in line}
    assert {name.split()[0] for name in marked} == changed
    head = next(line for line in repr(found).splitlines() if "head: Linear" in line)
    assert "(2, 16)" in head and "▸ (2, 10)" in head


def test_dictionaries_tuples_masks_and_whole_numbers_have_shapes():
    found = explain(*MODELS["DETR"]())
    assert found.rows[0].leaving == [
        "pred_logits (2, 5, 11)",
        "pred_boxes (2, 5, 4)",
        "aux_outputs 2 x pred_logits (2, 5, 11)",
        "aux_outputs 2 x pred_boxes (2, 5, 4)",
    ]
    assert found.rows[0].entering == ["(2, 3, 32, 32)", "(2, 32, 32) bool"]
    assert explain(*MODELS["LSTM"]()).rows[0].leaving == ["(2, 5, 6)", "2 x (2, 2, 6)"]
    assert explain(*MODELS["GPT"]()).rows[0].entering == ["(1, 3) int64"]
    with_weights = explain(vision_transformer(), images[:, :1, :8, :8], need_weights=True)
    assert with_weights.rows[0].leaving == ["(2, 10)", "3 x (2, 4, 17, 17)"]
    hidden = explain(nn.MultiheadAttention(16, 4), x, x, x, key_padding_mask=np.zeros((2, 5), bool))
    assert hidden.rows[0].entering == ["3 x (2, 5, 16)", "key_padding_mask (2, 5) bool"]


def test_modules_called_twice_never_or_through_their_weights():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(16, 16)
            self.unused = nn.ModuleList(nn.Linear(3, 2) for _ in range(3))
            self.tied = nn.Linear(16, 4, bias=False)
            self.norm = nn.LayerNorm(16)

        def forward(self, x):
            x = self.first(self.first(x))
            x = self.norm(x)
            return F.linear(self.first(x[:, 0]), self.tied.weight)

    model = Odd()
    found = explain(model, x)
    assert [(row.name, row.calls, row.modules, row.again, row.note) for row in found.rows[1:]] == [
        ("first", 2, 1, False, ""),
        ("norm", 1, 1, False, ""),
        ("first", 1, 1, True, ""),
        ("unused.0-2", 0, 3, False, "not called"),
        ("tied", 0, 1, False, "weights used"),
    ]
    text = repr(found)
    assert "first: Linear, called 2 times" in text and "(272)" in text and "3 x 8" in text
    assert sum(row.flops * row.calls for row in found.rows[1:]) + 2 * 2 * 4 * 16 == found.rows[0].flops


def test_unequal_neighbours_keep_their_rows():
    model = nn.Sequential(
        nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 2)
    )
    assert [row.name for row in explain(model, x).rows[1:]] == ["0", "1-2", "3", "4", "5"]


def test_a_module_left_out_is_not_counted_among_its_neighbours():
    class Some(nn.Module):
        def __init__(self, order):
            super().__init__()
            self.order = order
            self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(6)])

        def forward(self, x):
            for number in self.order:
                x = self.layers[number](x)
            return x

    def told(*order):
        return [(row.name, row.modules, row.calls) for row in explain(Some(order), x).rows[1:]]

    assert told(0, 1, 2, 3, 4, 5) == [("layers.0-5", 6, 1)]
    assert told(5, 4, 3, 2, 1, 0) == [("layers.5-0", 6, 1)]
    used, unused = (
        [("layers.0", 1, 1), ("layers.2", 1, 1), ("layers.4-5", 2, 1)],
        [("layers.1", 1, 0), ("layers.3", 1, 0)],
    )
    assert told(0, 2, 4, 5) == used + unused


def test_everything_is_left_as_it_was():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.drop = nn.Dropout(0.5)
            self.seen = 0
            self.register_buffer("total", np.zeros(3, np.float32))

        def forward(self, x):
            self.seen, self.new = self.seen + 1, x
            self.total += x.mean(axis=(0, 2, 3))
            return self.drop(self.norm(x))

    model = Careless()
    before, state, attributes = model.state_dict(), generator().bit_generator.state, set(vars(model))
    mean = model.norm.running_mean
    for mode in (True, False):
        model.train(mode)
        found = explain(model, images)
        assert found.training is mode and ("training" if mode else "evaluation") in repr(found)
        assert all(module.training is mode for module in model.modules())
    after = model.state_dict()
    assert before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)
    assert model.norm.running_mean is mean
    assert generator().bit_generator.state == state
    assert model.seen == 0 and set(vars(model)) == attributes
    assert _op_watchers == [] and nn.module._context.callbacks == ()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_nothing_is_recorded():
    class Recording(nn.Module):
        def forward(self, x):
            self.recorded.append((x * 2).requires_grad)
            return x

    model, kept = Recording(), []
    model.recorded = kept
    explain(model, Tensor(x, requires_grad=True))
    assert kept == [False]


def test_it_is_left_as_it_was_after_an_error_too():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Linear(31, 2))
    before, state = model.state_dict(), generator().bit_generator.state
    with pytest.raises(ValueError):
        explain(model, images)
    assert all(np.array_equal(before[name], values) for name, values in model.state_dict().items())
    assert generator().bit_generator.state == state and _op_watchers == [] and nn.module._context.callbacks == ()


def test_first_fault_a_weight():
    model = vision_transformer()
    model.encoder.layers[1].linear1.weight.writable()[3, 4] = np.nan
    found = explain(model, images[:, :1, :8, :8])
    assert found.trouble.splitlines() == [
        "The first value that is not finite: nan at (3, 4) of weight encoder.layers.1.linear1.weight.",
        "It was so before the model ran; the first to pass it on is `linear` in encoder.layers.1.linear1: Linear.",
    ]
    rows = {row.name: row.finite for row in found.rows}
    assert rows["layers.0"] and not rows["layers.1"] and not rows["layers.2"] and not rows["head"]
    assert "✗ The first value" in repr(found) and "✗ (2, 10)" in repr(found) and "✗ (2, 10)" in found._repr_html_()


def test_first_fault_an_input():
    wrong = images[:, :1, :8, :8].copy()
    wrong[1, 0, 2, 3] = np.inf
    trouble = explain(vision_transformer(), wrong).trouble
    assert "inf at (1, 0, 2, 3) of input 0." in trouble and "patch_embedding: PatchEmbedding" in trouble


def test_first_fault_an_input_whose_infinity_becomes_nan():
    wrong = np.zeros((2, 16), np.float32)
    wrong[1, 3] = np.inf
    layer = nn.Linear(16, 2, bias=False)
    layer.weight.writable()[:] = 0
    assert explain(layer, wrong).trouble.splitlines() == [
        "The first value that is not finite: nan at (1, 0) of what `linear` returned in Linear.",
        "Its argument 0 (input 0) held inf at (1, 3) already.",
    ]


class Scaled(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.linear = nn.Linear(16, 16)
        self.function = function

    def forward(self, x):
        return self.function(self.linear(x))


@pytest.mark.parametrize(
    ("function", "head", "cause"),
    [
        (lambda y: F.log(y * y * 0), "-inf at (0, 0, 0) of what `log` returned in 1: Scaled.", "finite: the op itself"),
        (lambda y: y * np.inf, "inf of a constant", "It meets `multiply` in 1: Scaled."),
        (lambda y: y - F.exp(y * 0 + 1e4) + F.exp(y * 0 + 1e4), "(0, 0, 0) of what `add`", "argument 0 held -inf"),
        (lambda y: y.numpy() * np.nan, "nan at (0, 0, 0) of what 1: Scaled returned.", "plain NumPy"),
    ],
    ids=["log of zero", "a constant", "infinity minus infinity", "plain NumPy"],
)
def test_first_fault_an_op(function, head, cause):
    found = explain(nn.Sequential(nn.Linear(16, 16), Scaled(function)), x)
    assert head in found.trouble and cause in found.trouble
    rows = named(found)
    assert rows["0"].finite and rows["linear"].finite and not rows["1"].finite


def test_first_fault_of_several():
    class Logarithm(nn.Module):
        def forward(self, x):
            return F.log(x)

    class Sum(nn.Module):
        def forward(self, x, y):
            return F.add(x, y)

    both = explain(Logarithm(), Tensor(np.array([0, -1], np.float32)))
    assert both.trouble.startswith("The first value that is not finite: nan at (1,) of what `log` returned")
    first, second = np.array([1, np.nan, 1], np.float32), np.array([np.nan, 1, 1], np.float32)
    assert "nan at (1,) of input 0" in explain(Sum(), Tensor(first), Tensor(second)).trouble


def test_what_other_threads_do_is_not_counted():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 4)

        def forward(self, x):
            other = threading.Thread(target=lambda: done.append(F.relu(Tensor(np.ones(1000)))))
            other.start()
            other.join()
            return self.layer(x)

    done = []
    whole, layer = explain(Two(), x).rows
    assert len(done) == 1 and whole.flops == layer.flops > 0


def test_a_mask_of_minus_infinity_is_no_fault():
    def attend(y):
        return F.softmax(F.where(np.tri(16, dtype=bool), y[:, :1], -np.inf))

    found = explain(nn.Sequential(Scaled(attend)), x)
    assert found.trouble == "" and "✗" not in repr(found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: explain(lambda x: x, x), ("an object of type function", "Pass the model first")),
        (lambda: explain(nn.Linear, x), ("got the class Linear", "Build one first: explain(Linear(...), inputs)")),
        (lambda: explain(vision_transformer()), ("missing a required argument: 'images'", "explain(model, images)")),
        (lambda: explain(nn.Linear(3, 2), x, mask=1), ("unexpected keyword argument 'mask'", "explain(model, ")),
    ],
    ids=["no module", "a class", "no inputs", "a wrong name"],
)
def test_wrong_calls_are_explained(call, words):
    with pytest.raises(TypeError, match="^explain: ") as caught:
        call()
    assert all(word in str(caught.value) for word in words) and len(str(caught.value).splitlines()) == 2


def test_errors_of_the_model_name_the_module():
    model = nn.Sequential(nn.Linear(16, 8), nn.Sequential(nn.ReLU(), nn.Linear(9, 2)))
    with pytest.raises(ValueError) as caught:
        explain(model, x)
    first, *own = str(caught.value).splitlines()
    assert first == "explain: the forward pass stopped in 1.1: Linear, which was given (2, 5, 8)."
    with pytest.raises(ValueError) as alone:
        model(x)
    assert own == str(alone.value).splitlines()

    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("weights")

    with pytest.raises(RuntimeError, match=r"stopped in Broken, which was given \(2, 5, 16\).\nKeyError: 'weights'"):
        explain(Broken(), x)


def test_tracebacks_show_the_readers_own_lines_and_keep_the_rest():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(16, 8), nn.Linear(9, 2))

        def forward(self, x):
            return self.layers(x)

    class Endless(nn.Module):
        def forward(self, x):
            return self(x)

    with pytest.raises(ValueError) as caught:
        explain(Own(), x)
    here = traceback.extract_tb(caught.value.__traceback__)
    assert [step.name for step in here] == [sys._getframe().f_code.co_name, "explain", "forward"]
    assert here[-1].line == "return self.layers(x)"
    shown = "".join(traceback.format_exception(caught.value))
    assert "stopped in layers.1: Linear" in shown and len(shown.splitlines()) < 15
    whole = traceback.extract_tb(caught.value.__context__.__traceback__)
    assert len(whole) > 6 and whole[-1].filename.endswith("linear.py")

    with pytest.raises(RuntimeError, match="RecursionError"):
        explain(Endless(), x)


def test_html_is_well_formed_and_escaped():
    class Angular(nn.Module):
        def forward(self, x):
            return {"<b>": x}

    opened = []

    class Checker(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag not in ("br", "img"):
                opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    for found in (explain(vision_transformer(), images[:, :1, :8, :8], thumbnails=True), explain(Angular(), x)):
        Checker().feed(found._repr_html_())
        assert opened == []
    assert "&lt;b&gt; (2, 5, 16)" in explain(Angular(), x)._repr_html_()


@pytest.mark.parametrize(
    ("flops", "unit"),
    [(9_999, "FLOP"), (10_000, "kFLOP"), (10**6 - 1, "kFLOP"), (10**6, "MFLOP"), (10**10, "GFLOP")],
)
def test_unit_suits_the_most_costly_row(flops, unit):
    assert flop_unit(SimpleNamespace(rows=[SimpleNamespace(flops=flops)])) == unit


def test_thumbnails_show_the_first_example():
    grid = thumbnail_of(np.stack([np.eye(16), np.full((16, 16), np.nan)]))
    assert grid.shape == (8, 16) and np.array_equal(grid, np.repeat(np.eye(8), 2, axis=1) / 2)
    signed = thumbnail_pixels(np.array([[-1.0, 0, 1, np.inf]]))[0]
    assert signed[0, 0] > signed[0, 2] and signed[2, 2] > signed[2, 0]  # red below zero, blue above
    assert signed[1].tolist() == [255, 255, 255] and signed[3].tolist() == [0, 0, 0]
    assert thumbnail_of(np.zeros((0, 3))) is None


@pytest.mark.filterwarnings("error")
def test_thumbnails_of_the_largest_numbers_have_heights():
    assert thumbnail_blocks(np.array([[-1.7e308, 0, 1.7e308]] * 8)) == "▁▄█"


def test_bars_of_the_picture_are_as_long_as_the_numbers():
    found = explain(vision_transformer(), images[:, :1, :8, :8], thumbnails=True)
    _, parameters, flops = plot.draw_explanation(found).axes
    for ax, what in ((parameters, "parameters"), (flops, "flops")):
        assert [bar.get_width() for bar in ax.patches] == [getattr(row, what) * row.modules for row in found.rows]


def test_explain_is_loaded_when_asked_for():
    code = "import sys, minitx; assert 'minitx.learn' not in sys.modules; print(minitx.explain.__name__)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "explain\n"
    )


def test_a_narrow_terminal_cuts_the_names_of_modules_and_nothing_else(monkeypatch):
    model = models.VisionTransformer(28, 4, 1, 10, embed_dim=192, depth=12, num_heads=2, mlp_dim=128)
    explained = explain(model, np.zeros((1, 1, 28, 28), np.float32))
    wide = repr(explained).splitlines()
    assert max(map(len, wide)) > 90  # what goes to a file or a notebook is whole, however narrow the terminal
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    narrow = repr(explained).splitlines()
    monkeypatch.setenv("COLUMNS", "200")
    assert repr(explained).splitlines() == wide
    assert len(narrow) == len(wide) and 75 < max(map(len, narrow)) <= 80
    start = wide[2].index("in   ")
    assert [line[narrow[2].index("in   ") :] for line in narrow[2:20]] == [line[start:] for line in wide[2:20]]
    names = [line[: narrow[2].index("in   ")].rstrip() for line in narrow[3:20]]
    assert "    layers.0-11" in names and "    proj: Conv2d" in names
    assert any(name.endswith("…") for name in names)
