"""A submission that misbehaves costs itself the part, says why, and hurts nothing else."""

import os
import re
import sys

import pytest

from tests.project.runs import grade, handed_in

P01 = "tests/test_p01_vector_pruning.py"
OTHERS = ("threshold_mask", "magnitude_mask", "prune_vector")
FAST = ("-o", "grading_call_seconds=1.5", "-o", "grading_memory_mb=300")
FAST += ("-o", "grading_import_seconds=4")

# What shrink_mask does instead of its work, the verdict, and what the report must say.
HOSTILE = {
    "endless loop": ("while True: pass", "timed out", "no verdict within 1.5 s"),
    "endless loop that swallows": (
        "while True:\n        try:\n            while True: pass\n        except: pass",
        "timed out",
        "no verdict within 1.5 s",
    ),
    "endless loop in C": ("sum(iter(int, 1))", "timed out", "no verdict within 1.5 s"),
    "sys.exit": ("import sys; sys.exit(0)", "crashed", "SystemExit"),
    "os._exit": ("import os; os._exit(0)", "crashed", "ended before there was a verdict"),
    "kill": ("import os; os.kill(os.getpid(), 9)", "crashed", "SIGKILL"),
    "segmentation fault": (
        "import ctypes; ctypes.string_at(0)",
        "crashed",
        "SIGSEGV",
    ),
    "kills its parent": ("import os; os.kill(os.getppid(), 9)", "crashed", "another process"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "crashed", "KeyboardInterrupt"),
    "pytest.skip": ("import pytest; pytest.skip('no')", "crashed", "Skipped"),
    "pytest.exit": ("import pytest; pytest.exit('bye', 0)", "crashed", "Exit"),
    "pytest.fail": ("import pytest; pytest.fail('no')", "crashed", "Failed"),
    "recursion": ("return shrink_mask(weights, mask, sparsity)", "crashed", "RecursionError"),
    "deep recursion": (
        "import sys; sys.setrecursionlimit(10**9); return shrink_mask(weights, mask, sparsity)",
        "crashed|timed out",
        "SIGSEGV|MemoryError|RecursionError|no verdict",
    ),
    "memory at once": ("return bytearray(10**11)", "crashed", "MemoryError"),
    "memory slowly": (
        "kept = []\n    while True: kept.append(bytearray(10**6))",
        "crashed",
        "MemoryError",
    ),
    "writes to weights": (
        "weights = weights if weights.flags.writeable else weights.copy()\n"
        "    weights[...] = 0; return mask",
        "wrong",
        "`weights` was written to",
    ),
    "writes to mask": ("mask[...] = True; return mask", "wrong", "`mask` was written to"),
    "reseeds numpy": ("np.random.seed(0); return mask", "wrong", "numpy's global random state"),
    "draws from numpy": ("np.random.rand(); return mask", "wrong", "numpy's global random state"),
    "draws from random": ("import random; random.random(); return mask", "wrong", "`random`"),
    "patches numpy": ("np.abs = lambda x: x; return mask", "wrong", "numpy.abs"),
    "patches a builtin": (
        "import builtins; builtins.round = lambda *a: 0; return mask",
        "wrong",
        "builtins.round",
    ),
    "patches the judge": (
        "sys.modules['tests.grading.expect'].expect_mask = lambda *a: a[0]; return mask",
        "wrong",
        "expect_mask",
    ),
    "np.seterr": ("np.seterr(all='raise'); return mask", "wrong", "error settings"),
    "prints": ("print('spam ' * 200_000); return None", "wrong", "more characters not shown"),
    "warns": ("import warnings; warnings.warn('careful'); return 1 / 0", "crashed", "ZeroDiv"),
    "imports solutions": (
        "import solutions.p01_vector_pruning as s; return s.shrink_mask(weights, mask, sparsity)",
        "wrong",
        "reference in `solutions`",
    ),
    "imports solutions and hides it": (
        "try:\n        import solutions.p01_vector_pruning\n    except BaseException: pass\n"
        "    return mask",
        "wrong",
        "reference in `solutions`",
    ),
    "reads solutions": (
        "import pathlib\n    root = pathlib.Path(sys.modules['tests'].__file__).parents[1]\n"
        "    scope = {}\n"
        "    exec((root / 'solutions' / 'p01_vector_pruning.py').read_text(), scope)\n"
        "    return scope['shrink_mask'](weights, mask, sparsity)",
        "wrong",
        "reference in `solutions`",
    ),
    "closes all pipes and loops": (
        "import os; os.closerange(3, 300)\n    while True: pass",
        "crashed|timed out",
        "pipe|no verdict",
    ),
    "writes garbage to all pipes": (
        "import os\n    for n in range(3, 60):\n        try: os.write(n, b'spam' * 99)\n"
        "        except OSError: pass\n    return mask",
        "crashed",
        "makes no sense",
    ),
    "floods all pipes": (
        "import os\n    while True:\n        for n in range(3, 60):\n"
        "            try: os.write(n, b'\\x00\\x00\\x00\\x00' * 999)\n"
        "            except OSError: pass",
        "crashed|timed out",
        "makes no sense|no verdict",
    ),
    "a message without end": ("raise RuntimeError('x' * 10**8)", "crashed", "RuntimeError: xxx"),
    "a message that cannot be written": (
        "raise RuntimeError('half \\ud800 a pair')",
        "crashed",
        r"half \\ud800 a pair",
    ),
    "hypothesis.reject": ("import hypothesis; hypothesis.reject()", "crashed", "Unsatisfied"),
    "breakpoint": ("breakpoint(); return mask", "crashed", "pytest --pdb"),
    "an array with a view of its own": (
        "class Own(np.ndarray): pass\n    return np.zeros(len(weights), bool).view(Own)",
        "wrong",
        "removed",
    ),
    "an iterator": ("return (bool(m) for m in mask)", "wrong", "an iterator"),
    "deletes its own file": (
        "import os; os.remove(__file__) if os.path.exists(__file__) else None; return mask",
        "wrong",
        "removed",
    ),
    "None": ("return None", "wrong", "got: +None"),
    "wrong dtype": ("return mask.astype(int)", "wrong", "boolean mask"),
    "wrong shape": ("return mask[None]", "wrong", "shape"),
    "NaN": ("return np.full(weights.shape, np.nan)", "wrong", "boolean mask"),
    "state": (
        "global calls; calls = globals().get('calls', 0) + 1; return mask & (calls % 3 != 0)",
        "wrong",
        "",
    ),
    "todo": ("raise NotImplementedError", "todo", "not written yet"),
}
if not sys.platform.startswith("linux"):
    HOSTILE.pop("memory slowly")  # no bound on the address space there


@pytest.mark.parametrize("name", HOSTILE)
def test_costs_only_its_own_part(name, tmp_path):
    body, verdict, said = HOSTILE[name]
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        f"import sys\ndef shrink_mask(weights, mask, sparsity):\n    {body}",
    )
    run = grade(folder, P01, *FAST, tmp=tmp_path)
    assert run.status == 1, run.output
    part = run.part("shrink_mask")
    assert part["score"] == 0 and re.fullmatch(verdict, part["extra_data"]["verdict"]), run.output
    assert re.search(said, part["output"]), part["output"]
    assert "shrink_mask" in run.output
    run.output.encode("utf-8")
    for other in OTHERS:
        assert run.part(other)["score"] == 1, run.output
    assert len(run.output) < 20_000


MODULES = {
    "syntax error": ("def (:", "crashed", "SyntaxError"),
    "raises on import": ("raise RuntimeError('boom')", "crashed", "boom"),
    "exits on import": ("import sys; sys.exit(0)", "crashed", "SystemExit"),
    "dies on import": ("import os; os._exit(0)", "crashed", "ended before"),
    "hangs on import": ("while True: pass", "timed out", "import of p01_vector_pruning.py"),
    "patches on import": ("import numpy; numpy.abs = abs", "wrong", "numpy.abs"),
    "reseeds on import": ("import numpy; numpy.random.seed(1)", "wrong", "random state"),
    "imports solutions": (
        "from solutions.p01_vector_pruning import *",
        "wrong",
        "reference in `solutions`",
    ),
    "no function": ("del threshold_mask", "crashed", "no function named threshold_mask"),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_broken_file_hurts_no_other_file(name, tmp_path):
    body, verdict, said = MODULES[name]
    folder = handed_in(tmp_path, "p01_vector_pruning", body)
    handed_in(tmp_path, "q01_what_is_pruning")
    run = grade(folder, P01, "tests/test_q01_what_is_pruning.py", *FAST, tmp=tmp_path)
    part = run.part("threshold_mask")
    assert run.status == 1
    assert part["score"] == 0 and part["extra_data"]["verdict"] == verdict, run.output
    assert re.search(said, part["output"]), part["output"]
    for name in ("sparsity", "compression_ratio", "is_pruning_of"):
        assert run.part(name)["score"] == 1, run.output


def test_patching_torch_costs_only_its_own_part(tmp_path):
    folder = handed_in(
        tmp_path,
        "p02_structured_pruning",
        "def channel_norms(conv):\n    torch.no_grad = None\n    return conv.weight[:, 0, 0, 0]",
    )
    run = grade(folder, "tests/test_p02_structured_pruning.py", tmp=tmp_path)
    assert "torch.no_grad" in run.part("channel_norms")["output"]
    assert run.part("remove_channels")["score"] == 1, run.output


def test_a_hook_left_on_all_of_torch_is_told(tmp_path):
    folder = handed_in(
        tmp_path,
        "p02_structured_pruning",
        "def channel_norms(conv):\n"
        "    nn.modules.module.register_module_forward_hook(lambda *_: None)\n"
        "    return conv.weight.detach().flatten(1).norm(dim=1)",
    )
    run = grade(folder, "tests/test_p02_structured_pruning.py", "-k", "channel_norms", tmp=tmp_path)
    assert "global forward hooks" in run.part("channel_norms")["output"], run.output


def test_what_a_submission_started_ends_with_its_part(tmp_path):
    import time

    note = tmp_path / "pid"
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        "import subprocess, pathlib\n"
        "def shrink_mask(weights, mask, sparsity):\n"
        f"    note = pathlib.Path({str(note)!r})\n"
        "    if not note.exists():\n"
        "        note.write_text(str(subprocess.Popen(['sleep', '600']).pid))\n"
        "    return mask",
    )
    run = grade(folder, P01, "-k", "shrink_mask", tmp=tmp_path)
    assert run.part("shrink_mask")["score"] == 0
    time.sleep(0.5)
    try:  # where nobody reaps it, what is left of it is a zombie
        with open(f"/proc/{note.read_text()}/stat") as stat:
            assert stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        pass


def test_a_file_saved_during_the_run_is_judged_as_it_was(tmp_path):
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        "import pathlib\npathlib.Path(__file__).write_text('saved again, half written (')",
    )
    run = grade(folder, P01, tmp=tmp_path)
    assert run.status == 0, run.output


def test_a_file_that_cannot_be_read_is_said_once(tmp_path):
    folder = handed_in(tmp_path, "p01_vector_pruning", "import no_such_module")
    run = grade(folder, P01, tmp=tmp_path)
    assert run.output.count("import no_such_module") == 1, run.output
    assert sum("CRASHED" in line for line in run.output.splitlines()) == 1, run.output
    assert run.marks["score"] == 0 and len(run.marks["tests"]) == 4


def test_helper_files_beside_the_stub_may_have_any_name(tmp_path):
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        "from solutions import smallest\ndef magnitude_mask(weights, sparsity):\n"
        "    return smallest(weights, sparsity)",
    )
    (folder / "solutions.py").write_text(
        "import numpy as np\ndef smallest(weights, sparsity):\n"
        "    mask = np.ones(len(weights), bool)\n"
        "    mask[np.argsort(np.abs(weights))[: round(sparsity * len(weights))]] = False\n"
        "    return mask\n"
    )
    run = grade(folder, P01, tmp=tmp_path)
    assert run.status == 0, run.output


def test_an_unreadable_file_is_reported(tmp_path):
    folder = handed_in(tmp_path, "p01_vector_pruning")
    (folder / "p01_vector_pruning.py").write_bytes(b"\xff\xfe\x00bad")
    run = grade(folder, P01, tmp=tmp_path)
    assert run.status == 1 and set(run.verdicts().values()) == {"crashed"}


def test_the_same_submission_gets_the_same_report_in_any_order(tmp_path):
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        "def shrink_mask(weights, mask, sparsity):\n    return mask",
    )
    first = grade(folder, P01, tmp=tmp_path)
    again = grade(folder, P01, tmp=tmp_path)
    alone = grade(folder, P01, "-k", "shrink_mask", tmp=tmp_path)
    spread = grade(folder, P01, "-n", "2", tmp=tmp_path)
    texts = {run.part("shrink_mask")["output"] for run in (first, again, alone, spread)}
    assert len(texts) == 1, texts
    assert first.marks["score"] == again.marks["score"] == spread.marks["score"] == 3


def test_a_hash_seed_changes_nothing(tmp_path, monkeypatch):
    folder = handed_in(
        tmp_path,
        "p01_vector_pruning",
        "def shrink_mask(weights, mask, sparsity):\n    return mask",
    )
    texts = set()
    for seed in ("1", "2"):
        monkeypatch.setitem(os.environ, "PYTHONHASHSEED", seed)
        texts.add(
            grade(folder, P01, "-k", "shrink_mask", tmp=tmp_path).part("shrink_mask")["output"]
        )
    assert len(texts) == 1
