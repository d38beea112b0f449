"""The repository's promises about itself: what every exercise has, and what every stub is."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

from tests.grading import catalogue
from tests.grading.catalogue import ROOT
from tests.grading.mistakes import known_mistakes
from tests.project.runs import grade

EXERCISES = catalogue.load()
STEMS = [exercise.stem for exercise in EXERCISES]
SOLUTION_ONLY = {"ANSWER", "RUBRIC", "FOLLOW_UPS", "WRONG_CLAIMS"}
# A second right answer in another style, and a natural one, written without a single check.
RIGHT = [ROOT / "tests" / "project" / name for name in ("second", "natural")]
every_stem = pytest.mark.parametrize("stem", STEMS)
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=STEMS)


def public(module):
    """What a module defines itself: functions and classes."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    }


def pair(stem):
    return (
        importlib.import_module(f"exercises.{stem}"),
        importlib.import_module(f"solutions.{stem}"),
    )


@every_stem
def test_has_its_files(stem):
    for path in (
        f"tests/project/second/{stem}.py",
        f"tests/project/natural/{stem}.py",
        f"exercises/{stem}.py",
        f"solutions/{stem}.py",
        f"tests/test_{stem}.py",
        f"tests/mistakes/{stem}.py",
    ):
        assert (ROOT / path).exists(), path


def test_no_file_is_without_a_catalogue_entry():
    for folder in ("exercises", "solutions"):
        found = {path.stem for path in (ROOT / folder).glob("[a-z][0-9][0-9]_*.py")}
        assert found == set(STEMS), folder
    assert {p.stem.removeprefix("test_") for p in (ROOT / "tests").glob("test_*.py")} == set(STEMS)


@every_stem
def test_stub_and_solution_agree_in_names_signatures_and_docstrings(stem):
    stub, solution = pair(stem)
    assert stub.__doc__ == solution.__doc__
    mine, theirs = public(stub), public(solution)
    assert set(mine) == set(theirs)
    for name, value in mine.items():
        assert inspect.getdoc(value) == inspect.getdoc(theirs[name]), name
        assert value.__doc__ == theirs[name].__doc__, name
        assert inspect.signature(value) == inspect.signature(theirs[name]), name


@every_stem
def test_a_stub_is_its_solution_without_the_answers(stem):
    from tests.grading.stub import stub_of

    stub = (ROOT / "exercises" / f"{stem}.py").read_text(encoding="utf-8")
    assert stub == stub_of(stem), f"run: python -m tests.grading.stub {stem}"


@every_exercise
def test_every_part_is_a_function_of_the_stub_and_the_reverse(exercise):
    stub, _ = pair(exercise.stem)
    functions = {name for name, value in public(stub).items() if inspect.isfunction(value)}
    assert functions == {part.name for part in exercise.parts}


@every_exercise
def test_every_part_has_three_hints_points_and_mistakes(exercise):
    known = {mistake.part for mistake in known_mistakes(exercise.stem)}
    for part in exercise.parts:
        assert len(part.hints) == 3 and all(part.hints), part.name
        assert part.points > 0
        assert part.name in known, f"no known mistake about {part.name}"


@every_exercise
def test_the_catalogue_entry_says_what_a_learner_wants_to_know(exercise):
    letter = next(kind.letter for kind in catalogue.KINDS if kind.name == exercise.kind)
    assert exercise.stem.startswith(letter)
    assert 1 <= exercise.difficulty <= 5 and 5 <= exercise.minutes <= 120
    stub, _ = pair(exercise.stem)
    lines = stub.__doc__.splitlines()
    assert lines[0] == exercise.title
    assert lines[2] == exercise.seed
    assert f"notebooks/{exercise.stem}.ipynb" in stub.__doc__


@every_exercise
def test_a_mistake_says_what_it_is_without_repeating_another(exercise):
    seen = set()
    for mistake in known_mistakes(exercise.stem):
        assert mistake.name and mistake.diagnosis and mistake.nudge
        assert (mistake.part, mistake.name) not in seen
        seen.add((mistake.part, mistake.name))


@every_stem
def test_a_test_never_imports_the_solutions(stem):
    for path in (ROOT / "tests" / f"test_{stem}.py", ROOT / "tests" / "mistakes" / f"{stem}.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "solutions" for name in names), path


@every_exercise
def test_written_parts_are_whole(exercise):
    stub, solution = pair(exercise.stem)
    if not exercise.written:
        assert not hasattr(stub, "ANSWER")
        return
    assert stub.ANSWER.strip() == ""
    assert not any(hasattr(stub, name) for name in SOLUTION_ONLY - {"ANSWER"})
    assert 120 <= len(solution.ANSWER.split()) <= 250, len(solution.ANSWER.split())
    assert 5 <= len(solution.RUBRIC) <= 7
    assert sum(weight for weight, _ in solution.RUBRIC) == 10
    assert 3 <= len(solution.FOLLOW_UPS) <= 7
    assert all(question.strip() and answer.strip() for question, answer in solution.FOLLOW_UPS)
    assert solution.WRONG_CLAIMS
    assert all(claim.strip() and evidence.strip() for claim, evidence in solution.WRONG_CLAIMS)


def test_no_numpy_exercise_imports_torch():
    code = (
        "import sys, importlib\n"
        "for stem in sys.argv[1:]:\n"
        "    for name in ('exercises.', 'solutions.', 'tests.test_', 'tests.mistakes.'):\n"
        "        importlib.import_module(name + stem)\n"
        "        assert 'torch' not in sys.modules, name + stem\n"
    )
    stems = [e.stem for e in EXERCISES if "torch" not in e.packages]
    done = subprocess.run([sys.executable, "-c", code, *stems], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@every_stem
def test_the_examples_in_the_docstrings_are_right(stem):
    import doctest

    _, solution = pair(stem)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testmod(solution, optionflags=flags)
    assert tried and not failed


def test_a_fresh_clone_grades_to_0_and_is_all_todo(tmp_path):
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for stem in STEMS:
        source = (ROOT / "exercises" / f"{stem}.py").read_bytes()
        (stubs / f"{stem}.py").write_bytes(source)
    run = grade(stubs, tmp=tmp_path)
    assert run.status == 1, run.output
    assert run.marks["score"] == 0
    parts = sum(len(exercise.parts) for exercise in EXERCISES)
    assert len(run.marks["tests"]) == parts
    assert {t["extra_data"]["verdict"] for t in run.marks["tests"]} == {"todo"}, run.output
    assert "Traceback" not in run.output
    assert f"next: {EXERCISES[0].short}" in run.output


@pytest.mark.parametrize("folder", ["solutions", *RIGHT], ids=str)
def test_every_right_answer_is_accepted_and_accused_of_nothing(folder, tmp_path):
    run = grade(folder, tmp=tmp_path, timeout=900)
    assert run.status == 0, run.output
    assert "behaves like" not in run.output
    assert run.marks["score"] == sum(exercise.points for exercise in EXERCISES)


@every_stem
def test_known_mistakes_are_rejected_and_called_by_their_names(stem, tmp_path):
    """Every fourth; all of them in the sweep."""
    run = grade(
        None, "--mistakes", "-o", "grading_every_mistake=4", f"tests/test_{stem}.py", tmp=tmp_path
    )
    assert run.status == 0, run.output


@pytest.mark.sweep
@every_stem
def test_every_known_mistake_is_rejected_and_called_by_its_name(stem, tmp_path):
    run = grade(None, "--mistakes", f"tests/test_{stem}.py", tmp=tmp_path, timeout=900)
    assert run.status == 0, run.output


def test_the_readme_shows_the_catalogue():
    from tests.grading.readme import table

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table() in readme, "run: python -m tests.grading.readme"


def test_the_top_level_holds_nothing_else():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in done.stdout.splitlines()}
    allowed = {"exercises", "solutions", "tests", "notebooks", "conftest.py", "pyproject.toml"}
    extra = {name for name in top if not name.startswith(".")} - allowed - {"README.md", "LICENSE"}
    assert not extra
