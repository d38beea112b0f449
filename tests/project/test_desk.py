"""The desk as a person uses it: in a copy of the repository, at a terminal where it asks."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

from tests.grading import catalogue
from tests.grading.catalogue import ROOT

STUB = "exercises/q01_what_is_pruning.py"
P01 = "exercises/p01_vector_pruning.py"


@pytest.fixture
def copy(tmp_path):
    """A clone to play in: nothing of the learner's own is touched."""
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".*", "notebooks", "__pycache__", "*.kept", "project")
    shutil.copytree(ROOT, folder, ignore=ignored)
    from tests.grading.stub import stub_of

    for stem in ("p01_vector_pruning", "q01_what_is_pruning"):
        (folder / "exercises" / f"{stem}.py").write_text(stub_of(stem), encoding="utf-8")
    return folder


def environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PRUNING_"))}
    return {**env, "COLUMNS": "80", "TERM": "dumb"}


def desk(folder, *args):
    return subprocess.run(
        [sys.executable, "-m", "exercises", *args],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )


def memory_of(folder):
    return json.loads((folder / ".desk.json").read_text(encoding="utf-8"))


def write_answer(folder, text):
    path = folder / STUB
    source = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'ANSWER = ".*"', f'ANSWER = "{text}"', source), encoding="utf-8")


class Terminal:
    """A program at a pseudo-terminal: what it shows is read, what a person types is sent."""

    def __init__(self, folder, *args):
        import pty

        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exercises", *args],
            cwd=folder,
            env=environment(),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # A runner in the background ignores Ctrl-C, and its children would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(slave)
        self.shown = ""

    def until(self, text, seconds=120):
        """Read until `text` was shown (after what was read before)."""
        start, deadline = len(self.shown), time.monotonic() + seconds
        while text not in self.shown[start:]:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.shown}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    piece = os.read(self.master, 4096)
                except OSError:
                    piece = b""
                if not piece:
                    assert text in self.shown[start:], f"ended without {text!r}:\n{self.shown}"
                    return self
                self.shown += piece.decode(errors="replace")
        return self

    def type(self, text):
        os.write(self.master, text.encode())
        return self

    def interrupt(self):
        """Press Ctrl-C, and again where it got lost.

        Python's input() misses a signal that comes just before it begins to wait; a person
        presses again. Nothing is sent once the program has answered or ended.
        """
        for _ in range(10):
            while select.select([self.master], [], [], 0.3)[0]:  # until it waits for the person
                try:
                    self.shown += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    return self
            if self.process.poll() is not None:
                break
            self.process.send_signal(signal.SIGINT)
            if select.select([self.master], [], [], 3)[0]:
                break
        return self

    def end(self):
        try:
            return self.process.wait(60)
        finally:
            os.close(self.master)


at_a_terminal = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")


def test_the_map_reads_well_when_piped(copy):
    run = desk(copy)
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("      open")), run.stdout
    assert "\x1b" not in run.stdout
    assert "p01 Magnitude" in run.stdout and "next: p01" in run.stdout


def test_hints_come_one_at_a_time_and_are_remembered(copy):
    shown = [desk(copy, "hint", "p01", "magnitude_mask").stdout for _ in range(4)]
    for i in range(3):
        assert f"hint {i + 1} of 3" in shown[i]
    assert len(set(shown)) == 4
    assert "all the hints" in shown[3]
    assert memory_of(copy)["hints"] == {"p01_vector_pruning.magnitude_mask": 3}


@pytest.mark.parametrize(
    "args, said",
    [
        (("hint", "p01_vektor_pruning"), "did you mean p01_vector_pruning"),
        (("hint", "p01", "magnitud_mask"), "did you mean magnitude_mask"),
        (("review", "q1_what_is_pruning"), "did you mean q01"),
        (("reset", "xyz"), "there is no exercise 'xyz'"),
        (("review", "p01"), "no written answer"),
        (("solutionn", "p01"), "No such command"),
    ],
)
def test_a_name_that_is_not_there_is_told_in_a_line(copy, args, said):
    run = desk(copy, *args)
    assert run.returncode == 2
    assert said in run.stderr and "Traceback" not in run.stderr


def test_review_refuses_an_empty_answer(copy):
    run = desk(copy, "review", "q01")
    assert run.returncode == 1 and "write first" in run.stderr
    assert "model answer" not in run.stdout


def test_review_by_marks_keeps_the_mark_until_the_answer_changes(copy):
    write_answer(copy, "Pruning removes weights.")
    count = len(_rubric())
    marks = ",".join(["2", "1"] + ["0"] * (count - 2))
    run = desk(copy, "review", "q01", "--marks", marks)
    assert run.returncode == 0, run.stderr
    weights = [weight for weight, _ in _rubric()]
    mark = weights[0] + weights[1] / 2
    assert f"Your mark: {mark:g} of 10" in run.stdout
    assert f"{mark:g}/10" in desk(copy).stdout
    kept = memory_of(copy)["reviews"]["q01_what_is_pruning"]
    assert kept["mark"] == mark and kept["date"] and kept["fingerprint"]
    board = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_q01_what_is_pruning.py"],
        cwd=copy, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert f"{mark:g}/10" in board.stdout and "0/3" in board.stdout
    write_answer(copy, "Pruning removes weights, or filters.")
    assert "review again" in desk(copy).stdout


@pytest.mark.parametrize("marks", ["2,1", "3,0,0,0,0,0,0", "", "a,b,c,d,e,f,g"])
def test_marks_that_do_not_fit_are_refused_and_nothing_is_kept(copy, marks):
    write_answer(copy, "Pruning removes weights.")
    run = desk(copy, "review", "q01", "--marks", marks)
    assert run.returncode == 2 and "--marks takes" in run.stderr
    assert not (copy / ".desk.json").exists()


def _rubric():
    from tests.grading.desk import constants

    return constants(ROOT / "solutions" / "q01_what_is_pruning.py", ("RUBRIC",))["RUBRIC"]


@at_a_terminal
def test_review_asks_point_by_point(copy):
    write_answer(copy, "Pruning removes weights.")
    terminal = Terminal(copy, "review", "q01")
    for _ in _rubric():
        terminal.until("said it, half, missed").type("h\n")
    terminal.until("Your mark: 5 of 10")
    assert terminal.end() == 0
    assert memory_of(copy)["reviews"]["q01_what_is_pruning"]["mark"] == 5


@at_a_terminal
def test_review_asks_again_after_a_slip(copy):
    write_answer(copy, "Pruning removes weights.")
    terminal = Terminal(copy, "review", "q01")
    terminal.until("said it, half, missed").type("perhaps\n")
    terminal.until("said it, half, missed").type("s\n")
    terminal.until("2. ").interrupt()
    assert terminal.end() == 130


@at_a_terminal
def test_ctrl_c_in_a_review_keeps_nothing_and_changes_nothing(copy):
    write_answer(copy, "Pruning removes weights.")
    before = (copy / STUB).read_bytes()
    terminal = Terminal(copy, "review", "q01")
    terminal.until("said it, half, missed").type("s\n")
    terminal.until("said it, half, missed").interrupt()
    terminal.until("nothing was kept")
    assert terminal.end() == 130
    assert (copy / STUB).read_bytes() == before
    assert not (copy / ".desk.json").exists()


def test_the_solution_is_shown_once_the_exercise_passes(copy):
    refused = desk(copy, "solution", "p01")
    assert refused.returncode == 1 and "--spoil" in refused.stderr
    shutil.copy(ROOT / "solutions" / "p01_vector_pruning.py", copy / P01)
    grade = [sys.executable, "-m", "pytest", "-q", "tests/test_p01_vector_pruning.py"]
    assert subprocess.run(grade, cwd=copy, env=environment(), capture_output=True).returncode == 0
    run = desk(copy, "solution", "p01")
    assert run.returncode == 0 and "np.partition" in run.stdout
    assert "spoilt" not in desk(copy).stdout and "✓✓✓✓" in desk(copy).stdout


def test_verdicts_of_a_file_changed_since_are_not_shown(copy):
    shutil.copy(ROOT / "solutions" / "p01_vector_pruning.py", copy / P01)
    grade = [sys.executable, "-m", "pytest", "-q", "tests/test_p01_vector_pruning.py"]
    subprocess.run(grade, cwd=copy, env=environment(), capture_output=True)
    with open(copy / P01, "a", encoding="utf-8") as file:
        file.write("\n# one more thought\n")
    assert "✓" not in desk(copy).stdout
    assert desk(copy, "solution", "p01").returncode == 1


def test_a_spoilt_exercise_is_marked_on_the_map(copy):
    run = desk(copy, "solution", "p01", "--spoil")
    assert run.returncode == 0 and "def magnitude_mask" in run.stdout
    assert "spoilt" in desk(copy).stdout


def test_reset_keeps_the_learners_file_under_a_dated_name(copy):
    stub = (copy / P01).read_bytes()
    for text in (b"# first try\n", b"# second try\n"):
        (copy / P01).write_bytes(text)
        run = desk(copy, "reset", "p01", "--yes")
        assert run.returncode == 0, run.stderr
        assert (copy / P01).read_bytes() == stub
    kept = sorted(path.read_bytes() for path in (copy / "exercises").glob("*.kept"))
    assert kept == [b"# first try\n", b"# second try\n"]
    assert "already" in desk(copy, "reset", "p01", "--yes").stdout


@at_a_terminal
def test_reset_asks_first(copy):
    (copy / P01).write_bytes(b"# mine\n")
    terminal = Terminal(copy, "reset", "p01")
    terminal.until("[y/N]").type("n\n")
    assert terminal.end() == 1
    assert (copy / P01).read_bytes() == b"# mine\n"


@pytest.mark.parametrize(
    "text", ["{not json", "[]", '{"version": 99}', '{"version": 1, "hints": 3}', "\x00\x01"]
)
def test_a_damaged_memory_is_kept_and_a_new_one_begins(copy, text):
    (copy / ".desk.json").write_text(text, encoding="utf-8")
    run = desk(copy, "hint", "p01")
    assert run.returncode == 0, run.stderr
    assert "is kept as" in " ".join(run.stdout.split())
    kept = list(copy.glob(".desk.json.*.kept"))
    assert [path.read_text(encoding="utf-8") for path in kept] == [text]
    assert memory_of(copy)["hints"]


def test_a_memory_that_cannot_be_read_is_told_in_a_line(copy):
    (copy / ".desk.json").mkdir()
    run = desk(copy, "hint", "p01")
    assert run.returncode == 1
    assert "cannot read" in run.stderr and "Traceback" not in run.stderr


def test_a_memory_that_cannot_be_written_is_told_in_a_line(copy):
    nowhere = copy / "README.md" / "desk.json"  # a file is no folder
    run = subprocess.run(
        [sys.executable, "-m", "exercises", "hint", "p01"],
        cwd=copy,
        env={**environment(), "PRUNING_DESK": str(nowhere)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "cannot" in run.stderr and "Traceback" not in run.stderr


def test_a_full_disk_leaves_the_old_memory_whole(copy, monkeypatch):
    from tests.grading import memory

    monkeypatch.setenv("PRUNING_DESK", str(copy / "desk.json"))
    memory.change(lambda memo: memo["hints"].__setitem__("a", 1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(memory.MemoryProblem, match="No space left"):
        memory.change(lambda memo: memo["hints"].__setitem__("b", 1))
    monkeypatch.undo()
    monkeypatch.setenv("PRUNING_DESK", str(copy / "desk.json"))
    assert memory.read()["hints"] == {"a": 1}
    assert not list(copy.glob(".desk.json.*"))


def test_two_desks_at_once_lose_nothing(copy):
    code = (
        "import sys\n"
        "from tests.grading import memory\n"
        "for i in range(30):\n"
        "    memory.change(lambda memo: memo['hints'].__setitem__(f'{sys.argv[1]}{i}', 1))\n"
    )
    desks = [
        subprocess.Popen([sys.executable, "-c", code, name], cwd=copy, env=environment())
        for name in ("a", "b")
    ]
    assert [d.wait(120) for d in desks] == [0, 0]
    assert len(memory_of(copy)["hints"]) == 60


def test_a_mock_interview_draws_the_same_by_seed_and_keeps_a_report(copy):
    reports = []
    for name in ("one.md", "two.md"):
        run = desk(copy, "mock", "--seed", "5", "--yes", "--report", name)
        assert run.returncode == 0, run.stderr + run.stdout
        reports.append((copy / name).read_text(encoding="utf-8"))
    titles = [re.findall(r"^## .*", report, re.M) for report in reports]
    assert titles[0] == titles[1] and len(titles[0]) >= 2
    assert "| part | verdict |" in reports[0] and "todo" in reports[0]
    again = desk(copy, "mock", "--seed", "5", "--yes", "--report", "one.md")
    assert again.returncode == 1 and "overwritten" in again.stderr
    assert (copy / "one.md").read_text(encoding="utf-8") == reports[0]


@pytest.mark.parametrize("minutes", [5, 20, 45, 120])
@pytest.mark.parametrize("kinds", [("coding",), ("large",), ("coding", "concept", "large")])
def test_what_a_mock_interview_draws_fits_its_minutes(minutes, kinds):
    from tests.grading import interview

    for seed in range(20):
        question, problems = interview.draw(minutes, seed, kinds, set())
        used = sum(e.minutes for e in problems)
        used += interview.QUESTION_MINUTES if question else 0
        assert used <= minutes
        assert question not in problems
        assert all(e.kind in kinds for e in [*problems, *([question] if question else [])])


def test_a_mock_interview_for_which_there_is_no_time_is_told_so(copy):
    run = desk(copy, "mock", "--minutes", "5", "--yes")
    assert run.returncode == 2 and "fits 5 minutes" in run.stderr


@at_a_terminal
def test_the_clock_of_a_mock_interview_counts_down(copy):
    terminal = Terminal(copy, "mock", "--seed", "5", "--report", "left.md")
    terminal.until("44:5").interrupt()
    terminal.until("nothing was kept")
    terminal.end()


def test_a_plan_holds_its_hours_and_the_map_shows_what_is_due(copy):
    run = desk(copy, "plan", "6", "--hours", "1")
    assert run.returncode == 0, run.stderr
    days = [int(n) for n in re.findall(r"^\d{4}-\d\d-\d\d  (\d+) minutes", run.stdout, re.M)]
    assert 1 <= len(days) <= 6 and "← today" in run.stdout
    longest = max(e.minutes for e in catalogue.load())
    assert all(n <= max(60, longest) for n in days)
    assert "There is no time for" in run.stdout
    assert "due today:" in desk(copy).stdout
    assert desk(copy, "plan").stdout in run.stdout
    everything = desk(copy, "plan", "60", "--hours", "8").stdout
    assert all(f" {e.short} " in everything for e in catalogue.load())


def test_without_a_plan_the_desk_says_how_to_make_one(copy):
    run = desk(copy, "plan")
    assert run.returncode == 2 and "plan DAYS" in run.stderr


def test_what_was_passed_comes_back_as_a_fresh_copy_and_the_old_file_is_kept(copy):
    shutil.copy(ROOT / "solutions" / "q01_what_is_pruning.py", copy / "exercises")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_q01_what_is_pruning.py"],
        cwd=copy,
        env=environment(),
        capture_output=True,
    )
    answered = (copy / "exercises" / "q01_what_is_pruning.py").read_bytes()
    assert "Nothing is due" in desk(copy, "plan", "--review", "--yes").stdout
    memory = memory_of(copy)
    passed = memory["passed"]["q01_what_is_pruning"]
    passed["date"] = (datetime.now().astimezone() - timedelta(days=3)).isoformat()
    (copy / ".desk.json").write_text(json.dumps(memory), encoding="utf-8")
    assert "q01" in desk(copy).stdout.split("worth doing again")[1]
    run = desk(copy, "plan", "--review", "--yes")
    assert run.returncode == 0, run.stderr
    kept = list((copy / "exercises").glob("q01_what_is_pruning.*.kept"))
    assert [file.read_bytes() for file in kept] == [answered]
    assert b"raise NotImplementedError" in (copy / "exercises/q01_what_is_pruning.py").read_bytes()
    assert memory_of(copy)["reviews"] == memory["reviews"]
    assert "Nothing is due" in desk(copy, "plan", "--review", "--yes").stdout


@pytest.mark.parametrize(
    "inside",
    [
        '{"verdicts": {"p01_vector_pruning": 5}}',
        '{"verdicts": {"p01_vector_pruning": {"date": "x", "fingerprint": "y", '
        '"parts": {"magnitude_mask": "unheard of"}}}}',
        '{"hints": {"p01_vector_pruning.magnitude_mask": "two"}}',
        '{"reviews": {"q01_what_is_pruning": []}}',
        '{"plan": [1]}',
    ],
)
def test_a_memory_with_a_wrong_inside_is_kept_and_a_new_one_begins(copy, inside):
    text = '{"version": 1, ' + inside[1:]
    (copy / ".desk.json").write_text(text, encoding="utf-8")
    run = desk(copy)
    assert run.returncode == 0 and "Traceback" not in run.stdout + run.stderr
    assert "a new one begins" in " ".join(run.stdout.split())
    assert [f.read_text(encoding="utf-8") for f in copy.glob(".desk.json.*.kept")] == [text]


def test_a_stub_that_is_not_text_is_reset_and_kept(copy):
    (copy / P01).write_bytes(b"\xff\xfe not text")
    run = desk(copy, "reset", "p01", "--yes")
    assert run.returncode == 0, run.stderr
    kept = list((copy / "exercises").glob("p01_vector_pruning.*.kept"))
    assert [file.read_bytes() for file in kept] == [b"\xff\xfe not text"]


def test_a_failing_call_is_replayed_in_the_open(copy):
    stub = (copy / P01).read_text(encoding="utf-8")
    body = '    print("I am here")\n    return weights >= threshold\n'
    wrong = stub.replace("    raise NotImplementedError\n", body, 1)
    (copy / P01).write_text(wrong, encoding="utf-8")
    run = desk(copy, "replay", "p01", "threshold_mask")
    assert run.returncode == 0, run.stderr
    assert "wrong" in run.stdout and "behaves like: signed values" in run.stdout
    assert run.stdout.split("now in the foreground")[1].count("I am here") == 1
    assert "returned: array" in run.stdout
    assert "nothing fails; not written yet" in desk(copy, "replay", "p02").stdout


def test_a_release_has_no_answers(copy):
    run = desk(copy, "release", "out")
    assert run.returncode == 0, run.stderr
    for folder in (copy / "out" / "handout", copy / "out" / "autograder"):
        assert not (folder / "solutions").exists() and not (folder / "tests" / "project").exists()
        assert (folder / "tests" / "test_p01_vector_pruning.py").exists()
    assert desk(copy, "release", "out").returncode == 1


@at_a_terminal
def test_ctrl_c_in_a_mock_interview_keeps_nothing(copy):
    terminal = Terminal(copy, "mock", "--seed", "5", "--report", "left.md")
    terminal.until("ress Enter").interrupt()
    terminal.until("nothing was kept")
    assert terminal.end() == 130
    assert not (copy / "left.md").exists()


@at_a_terminal
def test_watch_grades_on_save(copy):
    terminal = Terminal(copy, "watch", "p01")
    terminal.until("waiting for the next one")
    assert "todo" in terminal.shown
    shutil.copy(ROOT / "solutions" / "p01_vector_pruning.py", copy / P01)
    terminal.until("waiting for the next one")
    assert "4/4" in terminal.shown
    (copy / P01).write_text("def (:\n", encoding="utf-8")
    terminal.until("waiting for the next one")
    assert "SyntaxError" in terminal.shown
    terminal.interrupt().until("no longer watching")
    assert terminal.end() == 0
