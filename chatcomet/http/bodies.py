"""Bodies: what a request carries, as JSON or as a form, read strictly.

All raise `Malformed` for what does not have its form and `UnsupportedForm` for a form that is not read here.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import NoReturn
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

from chatcomet.errors import Malformed, UnsupportedForm

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON = "application/json"
_CHARSETS = ("utf-8", "utf8", "us-ascii")
_FIELDS = 16


def read_object(content_type: str | None, body: bytes) -> dict[str, object]:
    """The members of a JSON object or the fields of a form, as `content_type` says."""
    if _media_type(content_type)[0] != _JSON:
        return dict(read_form(content_type, body, alternative=_JSON))
    value = read_json(body)
    if not isinstance(value, dict):
        raise Malformed("the body should be a JSON object")
    return value


def read_json(body: bytes | str) -> object:
    """Any JSON value.  NaN, nesting without end and whole numbers without end are refused."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is no JSON: {error}") from error


def read_form(content_type: str | None, body: bytes, alternative: str = "") -> dict[str, str]:
    """The fields of a form, urlencoded or multipart.  Each may be there once."""
    kind, options = _media_type(content_type)
    try:
        if kind == _URLENCODED:
            return _once(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS))
        if kind == _MULTIPART:
            parser = MultipartParser(BytesIO(body), options.get("boundary", ""), strict=True, part_limit=_FIELDS)
            return _once([(part.name, _text(part)) for part in parser])
    except (ValueError, MultipartError) as error:
        raise Malformed(f"the form can't be read: {error}") from error
    wanted = ", ".join(filter(None, [alternative, _URLENCODED, _MULTIPART]))
    raise UnsupportedForm(f"a body of {content_type or 'no type'} is not read here; {wanted} is")


def _text(part: MultipartPart) -> str:
    """What stands in a part; its charset may not be any that Python knows, such as ``hex``."""
    if part.filename is not None:
        raise ValueError("a file is not read here")
    if part.charset.lower() not in _CHARSETS:
        raise ValueError("text is UTF-8 here")
    text: str = part.raw.decode()
    return text


def _once(fields: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in fields]
    if len(set(names)) < len(names):
        raise Malformed("a field stands in the form more than once")
    return dict(fields)


def _media_type(content_type: str | None) -> tuple[str, dict[str, str]]:
    kind, options = parse_options_header(content_type or "")
    return kind, options


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")
