"""Polars: a query is the place of the objects, s3://BUCKET/PREFIX/parquet/, and gives all rows."""

import os

import polars

import session

# docs/queries.md shows this.
options = {
    "aws_endpoint_url": os.environ["COLDTAIL_ENDPOINT"],
    "aws_region": "us-east-1",
    "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
    "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
}


def query(place):
    logs = polars.scan_parquet(place + "**/*.parquet", hive_partitioning=True, storage_options=options)
    frame = logs.sort("container_id", "seq").collect()
    rows = frame.rows()
    return [[name, str(kind)] for name, kind in frame.schema.items()], rows


session.serve(polars.__version__, None, query)
