"""The page is read back as it was written; what follows from its tables follows, and a slowdown shows."""

import pytest

from benchmarks.harness import CHECKOUT, Row, format_tables
from benchmarks.hour import examples, format_hour, rounded
from benchmarks.page import compare, named, read_tables, written_into
from benchmarks.run import COMPUTED, PARTS
from benchmarks.targets import TARGETS, draw_targets, format_targets

VIT = "Training step of a Vision Transformer"


def vit_table(*ratios):
    """A table of a ViT's steps with these cells for the ratio."""
    sizes = ("8×8, patch 2, B=64 D=64 L=4", "32×32, patch 4, B=64 D=128 L=6", "224×224, patch 16, B=16 D=192 L=6")
    rows = [
        Row(VIT, {"size": size, "minitx": "20.0 ms", "minitx / PyTorch": cell}) for size, cell in zip(sizes, ratios)
    ]
    return format_tables(rows)


def row_of(text, what):
    """The row of the table of targets that begins so."""
    (row,) = [row for row in read_tables(text)["Targets"] if row["target"].startswith(what)]
    return row


def test_tables_are_written_between_the_marks_and_nowhere_else():
    page = "before\n<!-- vit: begin -->\nold\n<!-- vit: end -->\nafter\n"
    once = written_into(page, "new", "vit")
    assert once == "before\n<!-- vit: begin -->\n\nnew\n\n<!-- vit: end -->\nafter\n"
    assert written_into(once, "new", "vit") == once
    with pytest.raises(ValueError, match="marks .* are missing"):
        written_into("before\n<!-- vit: begin -->\n", "new", "vit")


def test_performance_page_has_the_marks():
    page = (CHECKOUT / "docs" / "performance.md").read_text(encoding="utf-8")
    for part in [*PARTS, *COMPUTED]:
        assert "new table" in written_into(page, "new table", part)


def test_tables_are_read_as_they_were_written():
    cells = [{"size": "8×8", "result": "1.00 (0.90–1.10)"}, {"size": "32×32", "result": ""}]
    text = "text | text\n\n" + format_tables([Row("First", row) for row in cells]) + "\n\nmore\n\n| no | heading |\n"
    assert read_tables(text) == {"First": cells}


def test_a_row_is_named_by_what_stands_before_the_first_number_that_was_measured():
    assert named({"layer": "LSTM", "size": "B=64 T=64, 128 → 256", "minitx": "88.1 ms", "PyTorch": "75.2 ms"}) == (
        "LSTM",
        "B=64 T=64, 128 → 256",
    )
    assert named({"measured": "overhead (chain of 1000)", "result": "5.15 µs (5.13–5.21)"}) == (
        "overhead (chain of 1000)",
    )


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("1.15 (1.12–1.18)", "1.02 (1.00–1.05)", "was 1.15 (1.12–1.18), now 1.02 (1.00–1.05): faster"),
        ("1.15 (1.12–1.18)", "1.30 (1.19–1.40)", "was 1.15 (1.12–1.18), now 1.30 (1.19–1.40): SLOWER"),
        ("1.15 (1.12–1.18)", "1.20 (1.17–1.40)", "was 1.15 (1.12–1.18), now 1.20 (1.17–1.40)"),
        ("1.15 (1.12–1.18)", "1.10 (1.00–1.12)", "was 1.15 (1.12–1.18), now 1.10 (1.00–1.12)"),
    ],
)
def test_a_slowdown_shows(was, now, told):
    assert compare(vit_table(was), vit_table(now)) == f"{VIT}, 8×8, patch 2, B=64 D=64 L=4: {told}"


def test_what_was_not_measured_before_is_compared_with_nothing():
    told = compare("no table yet", vit_table("1.02 (1.00–1.05)"))
    assert told.endswith("B=64 D=64 L=4: now 1.02 (1.00–1.05), not measured before")
    assert compare(vit_table("1.02 (1.00–1.05)"), "nothing") == ""


def test_targets_follow_from_the_tables():
    page = vit_table("1.00 (0.90–1.10)", "1.10 (0.90–1.10)", "1.26 (1.00–1.30)")
    before = vit_table("2.00 (0.90–2.10)", "2.00 (0.90–2.10)", "2.00 (0.90–2.10)")
    text = format_targets(page, before)
    mean, slowest = row_of(text, "ViT training step, geometric"), row_of(text, "ViT training step, the slowest")
    assert (mean["measured"], mean["met"], mean["last time"]) == ("1.11", "no", "2.00")  # (1.1 · 1.26)^(1/3) = 1.115
    assert (slowest["measured"], slowest["at most"], slowest["met"]) == ("1.26", "1.25", "no")
    other = row_of(text, "GPT training step")
    assert (other["measured"], other["met"]) == ("not measured", "")
    met = row_of(format_targets(page.replace("1.26", "1.25"), before), "ViT training step, the slowest")
    assert met["met"] == "yes"


def test_a_target_of_one_row_shows_its_range_and_leaves_other_rows_out():
    rows = [
        Row("Forward and backward of a recurrent layer", {"layer": layer, "minitx": "1.0 ms", "minitx / PyTorch": cell})
        for layer, cell in (("GRU", "9.00 (9.00–9.00)"), ("LSTM", "1.21 (1.11–1.23)"))
    ]
    found = row_of(format_targets(format_tables(rows), ""), "LSTM")
    assert (found["measured"], found["met"]) == ("1.21 (1.11–1.23)", "yes")


def test_every_target_names_a_part_that_can_be_measured():
    assert {target.part for target in TARGETS} <= PARTS.keys()
    assert len({target.what for target in TARGETS}) == len(TARGETS)


def test_the_page_says_of_every_target_what_its_tables_say():
    page = (CHECKOUT / "docs" / "performance.md").read_text(encoding="utf-8")
    stand = {row["target"]: (row["measured"], row["at most"], row["met"]) for row in read_tables(page)["Targets"]}
    follow = read_tables(format_targets(page, page))["Targets"]
    assert stand == {row["target"]: (row["measured"], row["at most"], row["met"]) for row in follow}
    assert [name for name, (_, _, met) in stand.items() if met not in ("yes", "no")] == []


def test_targets_are_drawn_with_their_bounds():
    figure = draw_targets(vit_table("1.00 (0.90–1.10)", "1.10 (0.90–1.10)"))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["8×8, patch 2, B=64 D=64 L=4", "32×32, patch 4, B=64 D=128 L=6"]
    assert [1.25, 1.25] in [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert draw_targets("nothing measured") is None


def test_an_hour_is_worth_as_many_steps_as_fit_into_it():
    rows = read_tables(format_hour(vit_table("1.00 (0.90–1.10)")))["One hour of training"]
    assert rows == [
        {
            "what learns": "a ViT, 8×8 pixels",
            "size": "8×8, patch 2, B=64 D=64 L=4",
            "a step": "20.0 ms",
            "in an hour": "12 million images",  # 180,000 steps of 64
            "which is": "8,000 times all digits that minitx learns from",
        }
    ]
    assert format_hour("nothing measured") == ""


def test_a_step_of_a_text_model_learns_from_all_its_tokens():
    assert examples("B=16 T=128 D=192 L=6 V=512") == 16 * 128
    assert examples("32×32, B=32 D=96 L=1+3 Q=8") == 32


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0312, "0.031"),
        (9.96, "10"),
        (123, "120"),
        (99_999, "100,000"),
        (1_234_567, "1.2 million"),
        (1.6e8, "160 million"),
    ],
)
def test_numbers_are_rounded_to_two_digits(value, text):
    assert rounded(value) == text
