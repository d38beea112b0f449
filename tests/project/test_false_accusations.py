"""An answer that is wrong in a way of its own is called no known mistake, in any exercise."""

from tests.grading import catalogue
from tests.project.runs import grade, handed_in

# What the right function returns, with one thing in it moved: no known mistake does that.
SPOILT = """
def _spoilt(value):
    import copy
    import numbers

    kind = type(value).__module__.partition(".")[0]
    if kind == "torch" and hasattr(value, "parameters"):
        for parameter in value.parameters():
            parameter.data.view(-1)[0] += 0.37
            break
        return value
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        import dataclasses

        name = next(iter(value.__dataclass_fields__))
        return dataclasses.replace(value, **{name: _spoilt(getattr(value, name))})
    if kind in ("torch", "numpy") and getattr(value, "ndim", 0):
        value = value.clone() if kind == "torch" else value.copy()
        if "bool" in str(value.dtype):
            value.reshape(-1)[0] = not value.reshape(-1)[0]
        elif len(value.reshape(-1)):
            value.reshape(-1)[0] += 3 if "int" in str(value.dtype) else 0.37
        return value
    if isinstance(value, bool):
        return not value
    if isinstance(value, numbers.Integral):
        return value + 3
    if isinstance(value, numbers.Real):
        return value * 1.37 + 0.11
    if isinstance(value, str):
        return value + "0"
    if isinstance(value, bytes):
        return value[:-1]
    if isinstance(value, (tuple, list)) and len(value):
        return type(value)([_spoilt(value[0]), *value[1:]])
    if isinstance(value, dict) and value:
        first = next(iter(value))
        return {**value, first: _spoilt(value[first])}
    return value


def _spoil(right):
    return lambda *args, **kwargs: _spoilt(right(*args, **kwargs))
"""


def test_what_is_wrong_in_its_own_way_is_called_no_known_mistake(tmp_path):
    for exercise in catalogue.load():
        names = [part.name for part in exercise.parts]
        lines = [f"{name} = _spoil({name})" for name in names]
        folder = handed_in(tmp_path, exercise.stem, SPOILT + "\n".join(lines))
    run = grade(folder, tmp=tmp_path, timeout=1500)
    tests = run.marks["tests"]
    accused = {
        test["name"]: test["output"] for test in tests if test["extra_data"]["misconception"]
    }
    assert not accused, "\n\n".join(f"{name}\n{text}" for name, text in accused.items())
    assert sum(test["score"] == 0 for test in tests) >= 0.9 * len(tests), run.output
