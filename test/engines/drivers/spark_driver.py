"""Spark with its embedded Hive metastore, in a folder of its own."""

import os
import time

os.environ["TZ"] = "UTC"  # of the times that collect returns
time.tzset()

from pyspark.sql import SparkSession

import session

home = os.environ["COLDTAIL_ENGINE_DIR"]
# docs/queries.md shows these.
conf = {
    "spark.hadoop.fs.s3a.endpoint": os.environ["COLDTAIL_ENDPOINT"],
    "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    "spark.hadoop.fs.s3a.path.style.access": "true",
}
builder = SparkSession.builder.master("local[2]").appName("coldtail")
for key, value in conf.items():
    builder = builder.config(key, value)
# What is of this test: where it keeps things, and its size.
builder = (
    builder.config("spark.jars", os.environ["COLDTAIL_SPARK_JARS"])
    .config("spark.sql.catalogImplementation", "hive")
    .config("spark.sql.warehouse.dir", home + "/warehouse")
    .config("spark.driver.memory", "3g")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={home} -Duser.timezone=UTC")
    .config("spark.hadoop.javax.jdo.option.ConnectionURL", f"jdbc:derby:;databaseName={home}/metastore;create=true")
    .config("spark.local.dir", home + "/local")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def script(sql):
    for statement in session.statements(sql):
        spark.sql(statement)


def query(sql):
    frame = spark.sql(sql)
    return [[f.name, f.dataType.simpleString()] for f in frame.schema], [list(row) for row in frame.collect()]


session.serve(spark.version, script, query)
