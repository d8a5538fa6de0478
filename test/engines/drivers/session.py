"""What all drivers share: requests and answers, one a line, as JSON.

A request is {"script": SQL}, statements as a user runs them from a file, or
{"query": SQL}. An answer is {"columns": [[name, type], …], "rows": [[cell, …],
…]} or {"error": text}. The first line that a driver prints is {"version": …}.
"""

import base64
import datetime
import decimal
import json
import sys

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def cell(value):
    """Returns a value as JSON that keeps its kind; a struct is a list, a map an object."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else {"float": str(value)}
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:  # drivers set their engines to UTC
            value = value.replace(tzinfo=datetime.timezone.utc)
        return {"micros": (value - EPOCH) // datetime.timedelta(microseconds=1)}
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, dict):
        if list(value) == ["seq", "bytes"]:
            return [cell(v) for v in value.values()]
        return {"map": {k: cell(v) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return [cell(v) for v in value]
    if hasattr(value, "item"):  # numpy's numbers
        return cell(value.item())
    raise TypeError(f"{type(value)} has no form in JSON")


def statements(script):
    """Yields the statements of a script whose semicolons end lines."""
    lines = []
    for line in script.splitlines():
        if line.startswith("--"):
            continue
        lines.append(line)
        if line.endswith(";"):
            yield "\n".join(lines).rstrip(";")
            lines = []
    if "".join(lines).strip():
        yield "\n".join(lines)


def serve(version, script, query):
    """Answers requests until stdin ends; query returns columns and rows."""
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever else an engine prints
    out.write(json.dumps({"version": version}) + "\n")
    out.flush()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            columns, rows = [], []
            if "script" in request:
                script(request["script"])
            else:
                columns, rows = query(request["query"])
            answer = {"columns": columns, "rows": [[cell(v) for v in row] for row in rows]}
        except Exception as e:  # the engine's own kinds of errors
            answer = {"error": f"{type(e).__name__}: {e}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
