"""What a request asks for, read from its headers and its query.

Guarantees: a value that is not understood is refused or has no effect; it never fails otherwise.
"""

from starlette.requests import Request

_MAX_DIGITS = 18
"""Numbers of up to so many digits fit 64 bits."""


class NotANumberError(ValueError):
    """A query's value that is refused; the message is a sentence for whoever sent it."""


def number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a number from the query.

    Raises:
        NotANumberError: it is given twice, is no number, or is out of bounds.
    """
    values = request.query_params.getlist(name)
    if not values:
        return default
    text = values[0]
    if len(values) == 1 and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        value = int(text)
        if least <= value <= most:
            return value
    message = f"{name} is one whole number from {least} to {most}."
    raise NotANumberError(message)


def wants_openmetrics(accept: str) -> bool:
    """Return whether an Accept header prefers OpenMetrics 1.0 to Prometheus's own text.

    Ranges are taken by their weight (RFC 9110, section 12.4.2), and in their order where weights
    are equal. prometheus_client's own choice reads no weights and fails on odd versions.
    """
    for accepted in _by_weight(accept):
        media_type = accepted.split(";", 1)[0].strip().lower()
        if media_type == "application/openmetrics-text":
            version = _parameter(accepted, "version")
            if version is None or version.startswith("1."):
                return True
        elif media_type in {"text/plain", "text/*", "*/*"}:
            return False
    return False


def matches(request: Request, etag: str) -> bool:
    """Return whether If-None-Match names this version (weak comparison, RFC 9110, 13.1.2)."""
    given = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or etag in (tag.removeprefix("W/") for tag in given)


def _by_weight(accept: str) -> list[str]:
    weighted = [(_weight(accepted), accepted.strip()) for accepted in accept.split(",")]
    wanted = [(weight, accepted) for weight, accepted in weighted if weight > 0]
    return [accepted for _, accepted in sorted(wanted, key=lambda one: -one[0])]


def _weight(accepted: str) -> float:
    """Return the weight of one media range; 0 for one that is malformed."""
    value = _parameter(accepted, "q")
    if value is None:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _parameter(accepted: str, wanted: str) -> str | None:
    """Return a parameter of one media range."""
    for parameter in accepted.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == wanted:
            return value
    return None
