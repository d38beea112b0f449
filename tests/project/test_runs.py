"""Grading runs as people start them: selections, verdicts, exit status, files, xdist."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from tests.grading.catalogue import ROOT
from tests.project.runs import grade, handed_in

P01 = "tests/test_p01_vector_pruning.py"
SIGNED = """
def magnitude_mask(weights, sparsity):
    order = np.argsort(weights)
    mask = np.ones(len(weights), dtype=bool)
    mask[order[: round(sparsity * len(weights))]] = False
    return mask
"""
SECOND = ROOT / "tests" / "project" / "second"


def test_a_right_answer_in_another_style_gets_full_marks(tmp_path):
    run = grade(SECOND, P01, tmp=tmp_path)
    assert run.status == 0, run.output
    assert run.marks["score"] == 4


def test_a_signed_answer_is_told_so(tmp_path):
    run = grade(handed_in(tmp_path, "p01_vector_pruning", SIGNED), P01, tmp=tmp_path)
    assert run.status == 1
    part = run.part("magnitude_mask")
    assert part["extra_data"]["misconception"] == "signed values"
    for text in (run.output, part["output"]):
        for word in ("property:", "call:", "expected:", "why:", "got:", "behaves like: signed"):
            assert word in text


def test_a_right_answer_is_accused_of_nothing(tmp_path):
    run = grade(SECOND, P01, tmp=tmp_path)
    assert "behaves like" not in run.output


@pytest.mark.parametrize(
    "body",
    [
        "return np.zeros(len(weights), dtype=bool)",
        "return np.arange(len(weights)) % 2 == 0",
        "return np.arange(len(weights)) >= round(sparsity * len(weights))",
    ],
)
def test_an_unrelated_wrong_answer_is_accused_of_nothing(tmp_path, body):
    wrong = f"def magnitude_mask(weights, sparsity):\n    {body}"
    run = grade(
        handed_in(tmp_path, "p01_vector_pruning", wrong), P01, "-k", "magnitude_mask", tmp=tmp_path
    )
    assert run.status == 1
    assert "behaves like" not in run.output, run.output


def test_todo_is_one_line_without_a_traceback(tmp_path):
    stub = "def threshold_mask(weights, threshold):\n    raise NotImplementedError"
    run = grade(handed_in(tmp_path, "p01_vector_pruning", stub), P01, tmp=tmp_path)
    assert run.status == 1
    assert run.verdicts()["threshold_mask"] == "todo"
    assert run.output.count("TODO ") == 1
    assert "Traceback" not in run.output and "NotImplementedError" not in run.output


def test_the_todo_of_one_input_does_not_hide_a_wrong_answer_to_another(tmp_path):
    half = (
        "def threshold_mask(weights, threshold):\n"
        "    if len(weights) < 3: raise NotImplementedError\n"
        "    return np.abs(weights) > threshold"
    )
    run = grade(handed_in(tmp_path, "p01_vector_pruning", half), P01, tmp=tmp_path)
    assert run.verdicts()["threshold_mask"] == "wrong", run.output


def test_a_folder_with_some_stems_only(tmp_path):
    folder = handed_in(tmp_path, "p01_vector_pruning")
    run = grade(folder, P01, "tests/test_q01_what_is_pruning.py", tmp=tmp_path)
    assert run.status == 1
    assert run.verdicts()["threshold_mask"] == "passed"
    assert run.verdicts()["compression_ratio"] == "todo"


def test_a_target_that_is_not_there_is_an_error_in_words(tmp_path):
    run = grade("no_such_folder", P01, tmp=tmp_path)
    assert run.status == 4
    assert "there is no such folder or package" in run.output


def test_marks_for_a_folder_that_is_not_there_are_an_error_in_words(tmp_path):
    run = grade("solutions", P01, "--grade-json", str(tmp_path / "no" / "x.json"), tmp=tmp_path)
    assert run.status == 4 and "there is no folder" in run.output


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_marks_are_the_same_with_and_without_xdist(tmp_path, more):
    folder = handed_in(tmp_path, "p01_vector_pruning", SIGNED)
    run = grade(folder, P01, "tests/test_q01_what_is_pruning.py", *more, tmp=tmp_path)
    assert run.status == 1
    verdicts = run.verdicts()
    assert verdicts.pop("prune_vector") == "wrong"  # it calls the signed one
    assert verdicts.pop("magnitude_mask") == "wrong"
    assert verdicts.pop("shrink_mask") == verdicts.pop("threshold_mask") == "passed"
    assert set(verdicts.values()) == {"todo"}
    assert run.marks["score"] == 2
    assert "scoreboard" in run.output and "next: p01" in run.output


def test_x_stops_at_the_first_and_gives_no_mark_for_what_was_not_run(tmp_path):
    folder = handed_in(tmp_path, "p01_vector_pruning", SIGNED)
    run = grade(folder, P01, "-x", tmp=tmp_path)
    assert run.status == 1
    assert run.verdicts()["threshold_mask"] == "passed"
    assert run.verdicts()["magnitude_mask"] == "wrong"
    assert run.verdicts()["shrink_mask"] == "not run"
    assert run.marks["score"] == 1


def test_k_selects_a_part_and_marks_that_alone(tmp_path):
    run = grade("solutions", P01, "-k", "shrink_mask", tmp=tmp_path)
    assert run.status == 0
    assert run.verdicts() == {"shrink_mask": "passed"} and run.marks["score"] == 1


def test_one_property_earns_no_part(tmp_path):
    run = grade("solutions", f"{P01}::test_never_revives_a_removed_weight", tmp=tmp_path)
    assert run.status == 0
    assert run.marks["score"] == 0
    assert "1 of its" in run.part("shrink_mask")["output"]


def test_lf_runs_what_did_not_pass_and_earns_nothing_by_that_alone(tmp_path):
    cache = ("-p", "cacheprovider", "-o", f"cache_dir={tmp_path / 'cache'}")
    folder = handed_in(tmp_path, "p01_vector_pruning", SIGNED)
    first = grade(folder, P01, "-k", "magnitude_mask", *cache, tmp=tmp_path)
    assert first.status == 1
    handed_in(tmp_path, "p01_vector_pruning")
    second = grade(folder, P01, "--lf", *cache, tmp=tmp_path)
    assert second.status == 0, second.output
    assert second.marks["score"] == 0
    assert "properties were run and hold" in second.part("magnitude_mask")["output"]


def test_a_test_file_that_cannot_be_collected_fails_its_exercise_alone(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".*", "notebooks", "__pycache__", "project")
    )
    (copy / "tests" / "test_q01_what_is_pruning.py").write_text("import nothing_of_that_name\n")
    for more in ((), ("-n", "2")):
        run = grade(
            "solutions", P01, "tests/test_q01_what_is_pruning.py", *more, tmp=tmp_path, cwd=copy
        )
        assert run.status != 0
        assert run.verdicts()["shrink_mask"] == "passed", run.output
        assert run.verdicts()["compression_ratio"] == "crashed"
        assert run.marks["score"] == 4
        assert "could not be collected" in run.part("compression_ratio")["output"]


def test_junit_tells_the_verdicts_apart(tmp_path):
    more = SIGNED + "\ndef shrink_mask(weights, mask, sparsity):\n    return 1 / 0\n"
    more += "\ndef threshold_mask(weights, threshold):\n    raise NotImplementedError\n"
    folder = handed_in(tmp_path, "p01_vector_pruning", more)
    grade(folder, P01, f"--junitxml={tmp_path / 'junit.xml'}", tmp=tmp_path)
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    kinds = {}
    for case in cases:
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        failure = case.find("failure")
        message = failure.get("message") if failure is not None else "passed"
        kinds.setdefault(properties["part"], set()).add(message.split(":")[0])
    assert kinds["threshold_mask"] == {"todo"}
    assert "wrong" in kinds["magnitude_mask"] and "crashed" in kinds["shrink_mask"]


def test_gradescope_gets_one_test_a_part_with_what_a_learner_reads(tmp_path):
    run = grade(handed_in(tmp_path, "p01_vector_pruning", SIGNED), P01, tmp=tmp_path)
    tests = run.marks["tests"]
    assert [t["name"].split(": ")[1] for t in tests] == [
        "threshold_mask", "magnitude_mask", "prune_vector", "shrink_mask"
    ]  # fmt: skip
    for test in tests:
        assert {"score", "max_score", "status", "output"} <= set(test)
        assert test["status"] in ("passed", "failed")
    assert json.dumps(run.marks)
    assert run.marks["score"] == sum(t["score"] for t in tests)


def test_grading_in_the_same_process_gives_the_same_verdicts(tmp_path):
    folder = handed_in(tmp_path, "p01_vector_pruning", SIGNED)
    apart = grade(folder, P01, tmp=tmp_path)
    together = grade(folder, P01, "--same-process", tmp=tmp_path)
    assert apart.verdicts() == together.verdicts()
    assert "behaves like: signed" in together.output
