"""PyArrow: a query is the place of the objects, s3://BUCKET/PREFIX/parquet/, and gives all rows."""

import os

import pyarrow
import pyarrow.dataset
import pyarrow.fs

import session

# docs/queries.md shows this.
scheme, _, host = os.environ["COLDTAIL_ENDPOINT"].partition("://")
s3 = pyarrow.fs.S3FileSystem(
    endpoint_override=host,
    scheme=scheme,
    region="us-east-1",
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
)


def query(place):
    logs = pyarrow.dataset.dataset(place.removeprefix("s3://").rstrip("/"), filesystem=s3, format="parquet", partitioning="hive")
    table = logs.to_table().sort_by([("container_id", "ascending"), ("seq", "ascending")])
    rows = []
    for row in table.to_pylist():
        for name in ("labels", "attributes"):  # lists of pairs
            if row[name] is not None:
                row[name] = dict(row[name])
        rows.append(list(row.values()))
    return [[f.name, str(f.type)] for f in table.schema], rows


session.serve(pyarrow.__version__, None, query)
