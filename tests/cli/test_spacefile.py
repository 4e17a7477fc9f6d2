"""Files of spaces that are wrong in any way end in one sentence with the file's name."""

import pytest

from danlu.cli.spacefile import parse, read_space
from danlu.errors import SpaceError

FLOAT = 'x = {type = "float", low = 0, high = 1}'
WRONG = {
    "a type that is a list": 'x = {type = ["float"], low = 0, high = 1}',
    "a type that is a table": "x = {type = {a = 1}}",
    "values that are a number": 'x = {type = "choice", values = 5}',
    "values that are dates": 'x = {type = "choice", values = [1979-05-27]}',
    "options that are a number": 'x = {type = "switch", options = 5}',
    "options that are a list": 'x = {type = "switch", options = [1]}',
    "no options": 'x = {type = "switch"}',
    "an option that is a number": 'x = {type = "switch", options = {a = 5}}',
    "an option that is a list": 'x = {type = "switch", options = {a = [1]}}',
    "constraints that are a number": f"constraints = 5\n{FLOAT}",
    "constraints of numbers": f"constraints = [5]\n{FLOAT}",
    "constraints that are text": f'constraints = "x < 1"\n{FLOAT}',
    "a constraint without end": f'constraints = ["{"(" * 5000}x{")" * 5000} < 1"]\n{FLOAT}',
    "a bound that is text": 'x = {type = "float", low = "a", high = 1}',
    "a bound beyond floats": f'x = {{type = "float", low = 0, high = {"9" * 400}}}',
    "a whole bound beyond 64 bits": f'x = {{type = "int", low = 0, high = {"9" * 400}}}',
    "a bound of 6,000 digits": f'x = {{type = "int", low = 0, high = {"9" * 6000}}}',
    "a fixed value beyond 64 bits": f"x = {'9' * 400}",
    "a fixed date": "x = 1979-05-27",
    "log that is text": 'x = {type = "float", low = 1, high = 2, log = "yes"}',
    "ordered that is a list": 'x = {type = "choice", values = [1, 2], ordered = [1]}',
    "a step that is text": 'x = {type = "float", low = 1, high = 2, step = "a"}',
    "a step too small": 'x = {type = "float", low = 0, high = 1e300, step = 1e-300}',
    "a prior that is a list": 'x = {type = "float", low = 1, high = 2, prior = [1]}',
    "lists without end": f"x = {'[' * 3000}{']' * 3000}",
    "no TOML": 'x = {type = "float"',
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_one_sentence(kind):
    with pytest.raises(SpaceError) as caught:
        parse(WRONG[kind], "mine.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b'x = "\xe9"', "is no UTF-8 text"), (None, "No such file"), ("a folder", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "space.toml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises(SpaceError, match=sentence):
        read_space(str(path))


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    (tmp_path / "space.toml").write_bytes(b"\xef\xbb\xbf" + FLOAT.encode())
    assert read_space(str(tmp_path / "space.toml")).names == ("x",)
