"""DuckDB with httpfs; credentials are the environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

import os
import pathlib
import shutil

import duckdb
import duckdb_extension_aws
import duckdb_extension_httpfs

import session

# Where INSTALL would put them, from the Python packages instead of the network.
home = pathlib.Path(os.environ["COLDTAIL_ENGINE_DIR"])
db = duckdb.connect(config={"extension_directory": str(home)})
platform = db.sql("PRAGMA platform").fetchone()[0]
for package in (duckdb_extension_httpfs, duckdb_extension_aws):
    for file in pathlib.Path(package.__file__).parent.glob("extensions/*/*.duckdb_extension"):
        place = home / file.parent.name / platform
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def query(sql):
    db.execute(sql)
    return [[d[0], str(d[1])] for d in db.description], db.fetchall()


session.serve(duckdb.__version__, db.execute, query)
