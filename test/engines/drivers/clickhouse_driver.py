"""ClickHouse as a library; credentials are the environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

import os

import chdb.session

import session

server = chdb.session.Session(os.environ["COLDTAIL_ENGINE_DIR"])


def query(sql):
    declared = server.query(f"DESCRIBE TABLE ({sql}\n)", "JSONCompactEachRow").bytes().decode()
    columns = [[c[0], c[1]] for c in (session.json.loads(line) for line in declared.splitlines())]
    table = server.query(sql + "\nSETTINGS output_format_arrow_string_as_string = 0", "ArrowTable")
    rows = [[plain(columns[i], v) for i, v in enumerate(row.values())] for row in table.to_pylist()]
    return columns, rows


def plain(column, value):
    """A String is bytes that may be no text: those of body_raw."""
    name, kind = column
    if isinstance(value, bytes) and name != "body_raw":
        return value.decode()
    if kind.startswith("Map") and value is not None:
        return {k.decode(): v.decode() for k, v in value}
    return value


version = server.query("SELECT version()", "TSVRaw").bytes().decode().strip()
session.serve(version, lambda sql: server.query(sql), query)
