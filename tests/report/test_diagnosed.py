"""What a person sees of a diagnosis: on the terminal, as JSON, and on a page that opens offline."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import diagnoses
from unstuck.diagnosis.causes import CAUSES
from unstuck.diagnosis.terms import Tried
from unstuck.evidence.evidence import Column, Evidence
from unstuck.report import diagnosed, diagnosis_page, svg
from unstuck.report.view.diagnosis import DiagnosisView, arm
from unstuck.report.view.pictured import MOST_LAYERS, MOST_TRIED, Pictures
from unstuck.study.statistics import Interval

CASES = (
    diagnoses.confirmed,
    diagnoses.incurable,
    diagnoses.unproven,
    diagnoses.untested,
    diagnoses.healthy,
)
cases = pytest.mark.parametrize("found", [case() for case in CASES], ids=lambda case: "")


def shown(found, width=100) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(diagnosed.terminal(found))
    return captured.get()


def in_order(text: str, *words: str) -> bool:
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


# the answer


def test_a_cause_and_its_cure_are_one_sentence_with_scores_before_and_after():
    answer = DiagnosisView.of(diagnoses.confirmed()).answer
    before = np.nanmean(diagnoses.BEFORE)
    assert answer == (
        "Learning rate too high: divide the learning rate by 100, and accuracy goes from "
        f"{before:.3f} (1 of 5 failed) to {np.mean(diagnoses.AFTER):.3f} on 5 fresh seeds"
    )


@pytest.mark.parametrize(
    ("case", "kind", "begins"),
    [
        (diagnoses.incurable, "confirmed", "No signal; no change was tried"),
        (diagnoses.unproven, "undecided", "Undecided: divide the learning rate by 100 helped"),
        (diagnoses.untested, "undecided", "Undecided: what was seen points at dead relu"),
        (diagnoses.healthy, "healthy", "Nothing wrong found: R² 0.970 over 3 seeds, and the one change tried"),
    ],
)
def test_each_kind_of_answer_has_its_sentence(case, kind, begins):
    view = DiagnosisView.of(case())
    assert (view.kind, view.answer.startswith(begins)) == (kind, True)


def test_a_program_that_fails_on_every_seed_has_no_score_to_tell():
    cure = replace(diagnoses.confirmed().cure, before=(np.nan,) * 5)
    assert "from no score at all to" in DiagnosisView.of(replace(diagnoses.confirmed(), cure=cure)).answer


def test_only_what_a_finding_points_at_strongly_makes_a_diagnosis_undecided():
    found = diagnoses.untested()
    assert CAUSES["dead-relu"].symptoms["units-dead"] >= 0.5
    weak = tuple(finding._replace(symptom="loss-flat") for finding in found.findings)
    assert DiagnosisView.of(replace(found, findings=weak)).kind == "healthy"


def test_a_program_that_is_plainly_ill_is_not_called_healthy():
    found = diagnoses.healthy()
    for symptom, kind in (("fit-poor", "undecided"), ("few-steps", "healthy")):
        finding = diagnoses.confirmed().findings[0]._replace(symptom=symptom, sentence="The rows are not fitted.")
        view = DiagnosisView.of(replace(found, findings=(finding,)))
        assert view.kind == kind
    assert DiagnosisView.of(replace(found, findings=(finding._replace(symptom="fit-poor"),))).answer == (
        "Undecided: the rows are not fitted, and the one change tried does not mend it"
    )


# the terminal


def test_the_terminal_says_it_in_order_on_one_screen():
    text = shown(diagnoses.confirmed())
    parts = "Learning rate too high:", "Seen", "Tested", "Ruled out", "Cure", "Cost"
    assert in_order(text, *parts)
    assert len(text.splitlines()) <= 50
    assert "0.31 of their length, limit 0.01" in text
    assert "+ optimizer.lr = 0.05" in text
    assert "before  0.112  –  0.098" in text
    assert "23.4 trainings of the program, 31.2 s" in text


def test_a_healthy_program_is_told_what_was_looked_at():
    text = shown(diagnoses.healthy())
    assert in_order(text, "Nothing wrong found", "Looked at", "data: finite, scaled", "Ruled out", "Cost")
    assert "Cure" not in text


def test_an_experiment_is_told_with_its_prediction_and_outcome():
    (lr, adam) = DiagnosisView.of(diagnoses.confirmed()).tested
    assert (lr.status, lr.changed) == ("confirmed", "divide the learning rate by 100")
    assert lr.predicted == CAUSES["learning-rate-too-high"].prediction
    low, mean, high = (100 * end for end in diagnoses.GAIN)
    assert lr.came == f"accuracy +{mean:.1f} [{low:.1f}, {high:.1f}] points"
    assert adam.came == "accuracy +45.0 points"


def test_an_experiment_of_its_own_is_told_likewise():
    (none,) = DiagnosisView.of(diagnoses.incurable()).tested
    assert (none.predicted, none.came) == ("Both beat chance", "Neither does.")


@cases
def test_names_are_text_and_never_markup(found):
    finding = diagnoses.confirmed().findings[0]._replace(where="[red]layer", sentence="<b>[bold]")
    found = replace(found, findings=(finding,))
    assert "[red]layer" in shown(found)
    assert "&lt;b&gt;[bold]" in diagnosis_page.page(found, "<i>")


# JSON


@cases
def test_json_is_strict_and_says_the_same(found):
    told = json.loads(json.dumps(diagnosed.as_json(found), allow_nan=False))
    assert (told["healthy"], told["cause"]) == (found.healthy, found.cause)
    assert [one["cause"] for one in told["verdicts"]] == [one.cause for one in found.verdicts]
    assert (told["cure"] is None) == (found.cure is None)


def test_what_is_not_finite_is_null_in_json():
    told = diagnosed.as_json(diagnoses.confirmed())
    assert told["cure"]["before"][1] is None
    assert told["findings"][1]["value"] is None
    assert told["cure"]["edits"] == {"optimizer.lr": 0.05}


def test_a_large_column_is_told_by_its_shape():
    values = np.zeros(diagnosed.MOST_NUMBERS + 1)
    columns = {"small": Column(values[1:], ""), "large": Column(values, "")}
    told = diagnosed.as_json(replace(diagnoses.healthy(), evidence=Evidence(columns)))["evidence"]
    assert told["small"]["values"] == values[1:].tolist()
    assert (told["large"]["values"], told["large"]["shape"]) == (None, [len(values)])


# the page


class Tags(HTMLParser):
    """Checks that what is opened is closed, but for tags that need not be, and collects what would be fetched."""

    free = frozenset({"meta", "tr", "td", "th", "li", "thead"})
    drawn = frozenset({"path", "rect", "circle"})

    def __init__(self):
        super().__init__()
        self.open, self.fetched = [], []

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href", "data")]
        if tag not in self.free | self.drawn:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.free | self.drawn:
            assert self.open.pop() == tag


@cases
def test_the_page_is_small_whole_and_asks_nobody(found):
    page = diagnosis_page.page(found, "program.py:make")
    assert len(page.encode()) < 1_000_000
    assert not re.search(r"https?:|//\w|@import|url\(|<script", page)
    tags = Tags()
    tags.feed(page)
    assert (tags.open, tags.fetched) == ([], [])
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", page.lower())


def test_the_page_says_it_in_order():
    _, page = diagnosis_page.page(diagnoses.confirmed(), "program.py:make").split("</style>")
    parts = "program.py:make", "Learning rate too high:", "What was seen", "What was tested", "What was ruled out"
    assert in_order(page, *parts, "The cure", "+ optimizer.lr = 0.05", "Cost", "23.4 trainings")


def test_the_largest_diagnosis_is_still_a_small_page():
    """A hundred layers, a hundred changes, a million steps."""
    found = diagnoses.confirmed()
    names = tuple(f"layer {number} with a name that is long" for number in range(100))
    losses = np.abs(np.random.default_rng(0).normal(size=(3, 300_000))) + 1
    more = {"control_losses": Column(losses, ""), "layer_spread": Column(np.ones(100), "", names)}
    found = replace(found, evidence=found.evidence | Evidence(more), tried=found.tried * 40)
    pictures = Pictures.of(found)
    assert len(pictures.bars[0].names) == MOST_LAYERS
    assert (pictures.bars[0].names[0], pictures.bars[0].names[-1]) == (names[0], names[-1])
    assert len(pictures.gains.rows) == MOST_TRIED + 1
    assert len(diagnosis_page.page(found, "p").encode()) < 1_000_000


# pictures


def test_a_curve_is_drawn_for_each_seed_and_ends_where_it_failed():
    batches, epochs = Pictures.of(diagnoses.confirmed()).lines
    assert (len(batches.curves), batches.is_logarithmic) == (3, True)
    assert "1 of 3 stopped" in batches.note
    x, y = batches.curves[0]
    assert np.isfinite(y[x < 400]).all()
    assert np.isnan(y[x > 440]).all()
    assert svg.lines(batches).count('class="curve"') == 3
    assert svg.lines(batches).count('class="bad"') == 1
    assert len(epochs.curves[0][0]) == diagnoses.EPOCHS


def test_layers_are_told_before_training_and_after_where_that_was_watched():
    spread, dead = Pictures.of(diagnoses.confirmed()).bars
    assert (spread.end, spread.is_logarithmic) == (None, True)
    assert (dead.start.tolist(), dead.end.tolist(), dead.is_logarithmic) == ([0.1], [0.8], False)
    assert svg.bars(dead).count('class="hollow"') == 1


def test_a_cure_that_starts_below_chance_says_how_that_counts():
    cure = diagnoses.confirmed().cure
    assert "count as chance" in DiagnosisView.of(diagnoses.confirmed()).cure.gained
    plain = replace(cure, before=(0.1, 0.2), after=(0.3, 0.4), effect=Interval(0.2, 0.2, 0.2))
    assert "count as chance" not in DiagnosisView.of(replace(diagnoses.confirmed(), cure=plain)).cure.gained


def test_gains_are_those_of_each_seed_and_the_cure_has_its_interval():
    gains = Pictures.of(diagnoses.confirmed()).gains
    cure, *tried = gains.rows
    assert (cure.low, cure.mean, cure.high) == pytest.approx(tuple(100 * end for end in diagnoses.GAIN))
    assert [row.gains for row in tried] == [(0.1,), (86.0, 85.0), (-2.0,)]
    assert tried[2].name == "add momentum 0.9, after: divide the learning rate by 100"
    low, high = gains.span
    assert low < -2 < 100 * diagnoses.GAIN.high < high


def test_the_whole_name_of_every_change_is_in_the_picture():
    found = diagnoses.confirmed()
    many = Tried(("scale-inputs", "scale-targets", "normalize", "adam"), ("relu", "lr-tenth"), (0.1,), True)
    drawn = svg.gains(Pictures.of(replace(found, tried=(*found.tried, many))).gains)
    words = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawn))
    assert arm(many) in words
    assert "…" not in drawn
    height = float(re.search(r'viewBox="0 0 \d+ ([\d.]+)"', drawn)[1])
    assert max(map(float, re.findall(r' c?y="([\d.]+)"', drawn))) < height


def test_a_layers_long_name_keeps_both_ends_and_is_told_whole():
    spread, _ = Pictures.of(diagnoses.confirmed()).bars
    name = "encoder.layers.11.attention.projection"
    drawn = svg.bars(spread._replace(names=(name, *spread.names[1:])))
    cut = re.search(f"<title>{name}</title>([^<]*)…([^<]*)</text>", drawn)
    assert name.startswith(cut[1])
    assert name.endswith(cut[2])
    assert min(map(len, cut.groups())) > 5


def test_a_seed_that_failed_is_said_beside_those_that_did_not():
    pairs = Pictures.of(diagnoses.confirmed()).pairs
    drawn = svg.pairs(pairs)
    assert drawn.count("failed") == 1
    assert drawn.count('class="after"') == 5


def test_without_evidence_there_is_nothing_to_draw():
    bare = replace(diagnoses.untested(), evidence=Evidence(), control=(0.5,))
    assert Pictures.of(bare) == ((), (), None, None)
    assert "<svg" not in diagnosis_page.page(bare, "p")


@pytest.mark.parametrize("span", [(0.0, 1.0), (-3.0, 88.0), (1e-6, 2e-6), (-1e9, 1e9), (0.0951, 0.0958)])
def test_ticks_are_a_few_round_numbers_within_the_span(span):
    ticks = svg.ticks(span)
    assert 2 <= len(ticks) <= 8
    assert all(span[0] <= tick <= span[1] for tick in ticks)


@pytest.mark.parametrize("span", [(0.5, 20.0), (1e-30, 1e30)])
def test_ticks_of_a_logarithmic_scale_are_powers_of_ten(span):
    ticks = svg.ticks(span, logarithmic=True)
    assert 1 <= len(ticks) <= 8
    assert np.log10(ticks) == pytest.approx(np.round(np.log10(ticks)))
    assert all(span[0] <= tick <= span[1] for tick in ticks)
