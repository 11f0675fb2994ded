"""Bodies: what a request carries, as JSON or as a form, and what its members say, read strictly.

All raise `Malformed` for what does not have its form and `UnsupportedForm` for a form that is not read here.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from io import BytesIO
from typing import NoReturn
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

from chatcomet.core.message import parse_number
from chatcomet.errors import Malformed, UnsupportedForm
from chatcomet.http.wire import dumps

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
    """Any JSON value, in UTF-8 (RFC 8259, 8.1).  NaN, nesting without end and whole numbers without end are refused."""
    try:
        return _decoder.decode(body if isinstance(body, str) else body.removeprefix(BOM_UTF8).decode())
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


_decoder = json.JSONDecoder(parse_constant=_no_constant)  # `json.loads` makes one for each call


# What they say.  All raise `Malformed`.


def read_draft(body: Mapping[str, object]) -> tuple[str, str | None, str | None]:
    """The text, the data (as JSON text) and the author of a body's members.  Raises `Malformed`."""
    text, author = body.get("text", ""), body.get("author")
    if not isinstance(text, str):
        raise Malformed("text should be a string")
    if author is not None and not isinstance(author, str):
        raise Malformed("author should be a string")
    if "data" not in body:
        return text, None, author
    try:
        return text, dumps(body["data"]), author
    except (ValueError, RecursionError) as error:
        raise Malformed(f"data should be a JSON value: {error}") from error


def read_sign_in(body: Mapping[str, object]) -> tuple[str, str | None]:
    """The name of a body's members, and the password if there is one.  Raises `Malformed`.

    Whoever misspells `password` would become a guest, and not know it: other members are refused.
    """
    _check_members(body, "name", "password")
    name, password = body.get("name"), body.get("password")
    if not isinstance(name, str):
        raise Malformed("name should be a string")
    if password is not None and not isinstance(password, str):
        raise Malformed("password should be a string")
    return name, password


def read_seconds(body: Mapping[str, object]) -> float | None:
    """The `seconds` of a body's members, where they are given.  Raises `Malformed`.

    Without them it is for good, which nobody should come by through a slip: other members are refused.
    """
    _check_members(body, "seconds")
    seconds = body.get("seconds")
    if isinstance(seconds, str):  # of a form
        seconds = parse_number(seconds)
    elif seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise Malformed("seconds should be a number")
    try:
        return float(seconds)
    except OverflowError:
        raise Malformed("seconds should be a number that can be counted to") from None


def _check_members(body: Mapping[str, object], *names: str) -> None:
    other = next((name for name in body if name not in names), None)
    if other is not None:
        raise Malformed(f"{other!r:.60} is not known here; {' and '.join(names)} may be said")
