"""Five questions of the catalogue as an analyst answers them by hand, over the same Parquet files: in DuckDB's own SQL,
with pandas, with polars. Each gives the columns of `COLUMNS`, in any order of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

Files = Mapping[str, Sequence[str]]
"""Stored table -> its Parquet files."""

COLUMNS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "activity": (("camera_id", "hour", "utc_offset"), ("events", "independent", "recorded_hours", "expected_hours")),
    "detections": (
        ("camera_id", "label", "hour", "utc_offset"),
        ("objects", "boxes", "best_confidence", "recorded_hours"),
    ),
    "spatial_heatmap": (("camera_id", "row", "column"), ("objects", "boxes")),
    "storage": (("camera_id", "day", "codec"), ("segments", "bytes", "hours")),
    "coverage": (("camera_id",), ("expected_seconds", "recorded_seconds", "missing_seconds", "gaps")),
}
"""Question -> the columns that identify a row, and those that answer."""

# The site's expected spans are whole days here: an analyst who knows that counts quarters of an hour.
_COUNTED_HOURS = """
SELECT camera_id, {keys} date_trunc('hour', local) AS hour,
       (epoch_ms(local) - epoch_ms(cell)) // 60000 AS utc_offset, {sums}
FROM (SELECT *, (cell AT TIME ZONE 'UTC') AT TIME ZONE timezone AS local
      FROM {rows} JOIN (SELECT id AS camera_id, timezone FROM cameras) USING (camera_id))
GROUP BY ALL
"""
_DUE = "(SELECT camera_id, unnest(range(start_time, end_time, INTERVAL 15 minutes)) AS cell FROM expected)"
_RECORDED = "(SELECT camera_id, cell_start AS cell, seconds FROM recorded)"
_BOXES = """
SELECT o.*, CASE WHEN v.verdict = 'relabel' THEN v.label ELSE o.label END AS right_label
FROM detected_objects o LEFT JOIN verdicts v USING (event_id)
WHERE event_type = 'object_detected' AND v.verdict IS DISTINCT FROM 'false'
"""

SQL = {
    "activity": f"""
WITH chosen AS (
    SELECT e.id, e.camera_id, e.start_time, CASE WHEN v.verdict = 'relabel' THEN v.label ELSE e.label END AS right_label
    FROM detected_events e LEFT JOIN verdicts v ON v.event_id = e.id
    WHERE event_type = 'object_detected' AND v.verdict IS DISTINCT FROM 'false'
), marked AS (
    SELECT camera_id, time_bucket(INTERVAL 15 minutes, start_time) AS cell, epoch_ms(start_time) - epoch_ms(
               lag(start_time) OVER (PARTITION BY camera_id, right_label ORDER BY start_time, id)) AS since
    FROM chosen
), counted AS (
    SELECT camera_id, cell, count(*) AS events, count(*) FILTER (since IS NULL OR since > 60000) AS independent
    FROM marked GROUP BY ALL
), quarters AS (
    SELECT * FROM {_DUE} LEFT JOIN counted USING (camera_id, cell) LEFT JOIN {_RECORDED} USING (camera_id, cell)
)
"""
    + _COUNTED_HOURS.format(
        keys="",
        rows="quarters",
        sums="coalesce(sum(events), 0)::BIGINT AS events, coalesce(sum(independent), 0)::BIGINT AS independent, "
        "coalesce(sum(seconds), 0) / 3600 AS recorded_hours, count(*) / 4 AS expected_hours",
    ),
    "detections": f"""
WITH boxes AS ({_BOXES}), objects AS (
    SELECT camera_id, right_label AS label, event_time, count(*) AS boxes, max(confidence) AS confidence
    FROM boxes GROUP BY camera_id, right_label, event_time, event_id, coalesce(track_id, id)
), counted AS (
    SELECT camera_id, label, time_bucket(INTERVAL 15 minutes, event_time) AS cell, count(*) AS objects,
           sum(boxes) AS boxes, max(confidence) AS confidence
    FROM objects GROUP BY ALL
), hours AS ("""
    + _COUNTED_HOURS.format(
        keys="label,",
        rows="counted",
        sums="sum(objects)::BIGINT AS objects, sum(boxes)::BIGINT AS boxes, max(confidence) AS best_confidence",
    )
    + "), effort AS ("
    + _COUNTED_HOURS.format(keys="", rows=_RECORDED, sums="sum(seconds) / 3600 AS recorded_hours")
    + """
)
SELECT hours.*, coalesce(recorded_hours, 0) AS recorded_hours
FROM hours LEFT JOIN effort USING (camera_id, hour, utc_offset)""",
    "spatial_heatmap": f"""
WITH boxes AS ({_BOXES}), cut AS (
    SELECT *, (greatest(least(x, frame_width), 0) + greatest(least(x + width, frame_width), 0)) / 2 AS foot_x,
           greatest(least(y + height, frame_height), 0) AS foot_y
    FROM boxes WHERE frame_width > 0 AND frame_height > 0 AND x IS NOT NULL AND y IS NOT NULL
                     AND width IS NOT NULL AND height IS NOT NULL
), objects AS (
    SELECT camera_id, least(floor(foot_x * 32 / frame_width), 31)::BIGINT AS "column",
           least(floor(foot_y * 18 / frame_height), 17)::BIGINT AS "row", count(*) AS boxes
    FROM cut GROUP BY camera_id, "column", "row", event_id, coalesce(track_id, id)
)
SELECT camera_id, "row", "column", count(*) AS objects, sum(boxes)::BIGINT AS boxes FROM objects GROUP BY ALL""",
    "storage": """
SELECT camera_id, ((start_time AT TIME ZONE 'UTC') AT TIME ZONE timezone)::DATE AS day, codec, count(*) AS segments,
       sum(file_size)::BIGINT AS bytes, sum(epoch_ms(end_time) - epoch_ms(start_time)) / 3600000 AS hours
FROM segments JOIN (SELECT id AS camera_id, timezone FROM cameras) USING (camera_id) GROUP BY ALL""",
    "coverage": """
WITH footage AS (
    SELECT camera_id, start_time, end_time FROM segments WHERE NOT missing
    UNION ALL SELECT camera_id, end_time, end_time FROM expected
), seen AS (
    SELECT *, coalesce(max(end_time) OVER (PARTITION BY camera_id ORDER BY start_time, end_time
                                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), first) AS reached
    FROM footage JOIN (SELECT camera_id, min(start_time) AS first FROM expected GROUP BY ALL) USING (camera_id)
), summed AS (
    SELECT camera_id, sum(greatest(epoch_ms(end_time) - epoch_ms(greatest(start_time, reached)), 0)) AS recorded,
           sum(greatest(epoch_ms(start_time) - epoch_ms(reached), 0)) AS missing,
           count(*) FILTER (epoch_ms(start_time) - epoch_ms(reached) >= 1000) AS gaps
    FROM seen GROUP BY ALL
)
SELECT camera_id, (recorded + missing) / 1000 AS expected_seconds, recorded / 1000 AS recorded_seconds,
       missing / 1000 AS missing_seconds, gaps FROM summed""",
}


def connected(files: Files) -> duckdb.DuckDBPyConnection:
    """DuckDB with one view a stored table."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, paths in files.items():
        listed = ", ".join(f"'{path}'" for path in paths)
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)")
    return connection


def by_sql(connection: duckdb.DuckDBPyConnection, question: str) -> pa.Table:
    return connection.sql(SQL[question]).to_arrow_table()


# --- pandas


def _read(files: Files, name: str, *columns: str) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path, columns=list(columns)) for path in files[name]], ignore_index=True)


def _with_local_hours(rows: pd.DataFrame, files: Files) -> pd.DataFrame:
    """`rows` (camera_id, cell) with hour and utc_offset of the camera's wall clock."""
    rows = rows.merge(_read(files, "cameras", "id", "timezone"), left_on="camera_id", right_on="id")
    parts = []
    for zone, part in rows.groupby("timezone", sort=False):
        local = part["cell"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        offset = (local - part["cell"]).dt.total_seconds() // 60
        parts.append(part.assign(hour=local.dt.floor("h"), utc_offset=offset.astype("int64"), day=local.dt.normalize()))
    return pd.concat(parts, ignore_index=True)


def _judged(rows: pd.DataFrame, files: Files, event_id: str) -> pd.DataFrame:
    """`rows` of objects that were detected with the right label, without rejected ones."""
    verdicts = _read(files, "verdicts", "event_id", "verdict", "label").rename(columns={"label": "right"})
    rows = rows[rows["event_type"] == "object_detected"]
    rows = rows.merge(verdicts, how="left", left_on=event_id, right_on="event_id")
    rows = rows[rows["verdict"].ne("false").fillna(True)]
    return rows.assign(label=rows["label"].where(rows["verdict"].ne("relabel").fillna(True), rows["right"]))


def _recorded(files: Files) -> pd.DataFrame:
    return _read(files, "recorded", "camera_id", "cell_start", "seconds").rename(columns={"cell_start": "cell"})


def _quarters(files: Files) -> pd.DataFrame:
    """(camera_id, cell): every quarter of an hour in which recording was expected."""
    spans = _read(files, "expected", "camera_id", "start_time", "end_time")
    cells = [
        pd.date_range(*span, freq="15min", inclusive="left")
        for span in zip(spans.start_time, spans.end_time, strict=True)
    ]
    return spans[["camera_id"]].assign(cell=cells).explode("cell").astype({"cell": "datetime64[us]"})


def activity_pandas(files: Files) -> pd.DataFrame:
    events = _read(files, "detected_events", "id", "camera_id", "start_time", "event_type", "label")
    events = _judged(events, files, "id").sort_values(["camera_id", "label", "start_time", "id"])
    since = events.groupby(["camera_id", "label"], sort=False, dropna=False)["start_time"].diff()
    events = events.assign(cell=events["start_time"].dt.floor("15min"), independent=~(since <= pd.Timedelta(minutes=1)))
    counted = events.groupby(["camera_id", "cell"], sort=False).agg(
        events=("id", "size"), independent=("independent", "sum")
    )
    rows = _quarters(files).merge(counted.reset_index(), how="left").merge(_recorded(files), how="left")
    grouped = _with_local_hours(rows, files).groupby(["camera_id", "hour", "utc_offset"], sort=False)
    summed = grouped.agg(
        events=("events", "sum"),
        independent=("independent", "sum"),
        seconds=("seconds", "sum"),
        quarters=("cell", "size"),
    ).reset_index()
    return summed.assign(recorded_hours=summed["seconds"] / 3600, expected_hours=summed["quarters"] / 4)


def detections_pandas(files: Files) -> pd.DataFrame:
    columns = ("id", "event_id", "camera_id", "event_time", "event_type", "label", "track_id", "confidence")
    boxes = _judged(_read(files, "detected_objects", *columns), files, "event_id")
    boxes = boxes.assign(object=boxes["track_id"].fillna(boxes["id"]), cell=boxes["event_time"].dt.floor("15min"))
    objects = boxes.groupby(["camera_id", "label", "cell", "event_id", "object"], sort=False)["confidence"].agg(
        ["size", "max"]
    )
    counted = objects.groupby(["camera_id", "label", "cell"], sort=False).agg(
        objects=("size", "size"), boxes=("size", "sum"), best=("max", "max")
    )
    hours = _with_local_hours(counted.reset_index(), files).groupby(
        ["camera_id", "label", "hour", "utc_offset"], sort=False
    )
    summed = hours.agg(
        objects=("objects", "sum"), boxes=("boxes", "sum"), best_confidence=("best", "max")
    ).reset_index()
    effort = (
        _with_local_hours(_recorded(files), files)
        .groupby(["camera_id", "hour", "utc_offset"], sort=False)["seconds"]
        .sum()
    )
    joined = summed.merge(effort.reset_index(), how="left")
    return joined.assign(recorded_hours=joined["seconds"].fillna(0) / 3600)


def heatmap_pandas(files: Files) -> pd.DataFrame:
    sides = ("x", "y", "width", "height", "frame_width", "frame_height")
    columns = ("id", "event_id", "camera_id", "event_type", "label", "track_id", *sides)
    boxes = _judged(_read(files, "detected_objects", *columns), files, "event_id").dropna(subset=list(sides))
    wide, high = boxes["frame_width"], boxes["frame_height"]
    foot = (boxes["x"].clip(0, wide) + (boxes["x"] + boxes["width"]).clip(0, wide)) / 2
    column = (foot * 32 // wide).clip(upper=31).astype("int64")
    row = ((boxes["y"] + boxes["height"]).clip(0, high) * 18 // high).clip(upper=17).astype("int64")
    boxes = boxes.assign(object=boxes["track_id"].fillna(boxes["id"]), column=column, row=row)
    objects = boxes.groupby(["camera_id", "row", "column", "event_id", "object"], sort=False).size().rename("boxes")
    counted = objects.reset_index().groupby(["camera_id", "row", "column"], sort=False)["boxes"].agg(["size", "sum"])
    return counted.reset_index().rename(columns={"size": "objects", "sum": "boxes"})


def storage_pandas(files: Files) -> pd.DataFrame:
    segments = _read(files, "segments", "camera_id", "start_time", "end_time", "file_size", "codec")
    segments = segments.assign(cell=segments["start_time"], length=segments["end_time"] - segments["start_time"])
    grouped = _with_local_hours(segments, files).groupby(["camera_id", "day", "codec"], sort=False, dropna=False)
    summed = grouped.agg(segments=("cell", "size"), bytes=("file_size", "sum"), length=("length", "sum")).reset_index()
    return summed.assign(hours=summed["length"] / pd.Timedelta(hours=1))


def coverage_pandas(files: Files) -> pd.DataFrame:
    segments = _read(files, "segments", "camera_id", "start_time", "end_time", "missing")
    due = _read(files, "expected", "camera_id", "start_time", "end_time")
    ends = due.assign(start_time=due["end_time"])
    rows = pd.concat([segments.loc[~segments["missing"], ["camera_id", "start_time", "end_time"]], ends])
    rows = rows.sort_values(["camera_id", "start_time", "end_time"])
    reached = rows.groupby("camera_id", sort=False)["end_time"].cummax().groupby(rows["camera_id"], sort=False).shift()
    first = rows["camera_id"].map(due.groupby("camera_id")["start_time"].min())
    reached = reached.fillna(first)
    hole = (rows["start_time"] - reached).dt.total_seconds()
    covered = (rows["end_time"] - reached.where(reached > rows["start_time"], rows["start_time"])).dt.total_seconds()
    found = pd.DataFrame(
        {
            "camera_id": rows["camera_id"],
            "missing_seconds": hole.clip(0),
            "recorded_seconds": covered.clip(0),
            "gaps": hole >= 1,
        }
    )
    summed = found.groupby("camera_id", sort=False).sum().reset_index()
    return summed.assign(expected_seconds=summed["missing_seconds"] + summed["recorded_seconds"])


BY_PANDAS: Mapping[str, Callable[[Files], Any]] = {
    "activity": activity_pandas,
    "detections": detections_pandas,
    "spatial_heatmap": heatmap_pandas,
    "storage": storage_pandas,
    "coverage": coverage_pandas,
}


# --- polars


def _scan(files: Files, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(list(files[name]), hive_partitioning=False)


def _local_hours(rows: pl.LazyFrame, files: Files) -> pl.LazyFrame:
    """`rows` (camera_id, cell) with hour and utc_offset of the camera's wall clock."""
    cameras = _scan(files, "cameras").select("id", "timezone")
    zones = cameras.select(pl.col("timezone").unique()).collect()["timezone"]
    rows = rows.join(cameras, left_on="camera_id", right_on="id")
    local = pl.coalesce(
        pl.when(pl.col("timezone") == zone).then(
            pl.col("cell")
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(zone)
            .dt.replace_time_zone(None, ambiguous="earliest")
        )
        for zone in zones
    )
    rows = rows.with_columns(local=local)
    return rows.with_columns(
        hour=pl.col("local").dt.truncate("1h"),
        day=pl.col("local").dt.date(),
        utc_offset=(pl.col("local") - pl.col("cell")).dt.total_minutes(),
    )


def _right(rows: pl.LazyFrame, files: Files, event_id: str) -> pl.LazyFrame:
    """`rows` of objects that were detected with the right label, without rejected ones."""
    verdicts = _scan(files, "verdicts").select("event_id", "verdict", right="label")
    rows = rows.filter(pl.col("event_type") == "object_detected")
    rows = rows.join(verdicts, how="left", left_on=event_id, right_on="event_id")
    rows = rows.filter(pl.col("verdict").ne_missing("false"))
    relabelled = pl.col("verdict").eq_missing("relabel")
    return rows.with_columns(label=pl.when(relabelled).then("right").otherwise("label"))


def activity_polars(files: Files) -> pl.DataFrame:
    events = _right(_scan(files, "detected_events"), files, "id").sort("camera_id", "label", "start_time", "id")
    since = pl.col("start_time").diff().over("camera_id", "label")
    events = events.with_columns(independent=(since > pl.duration(minutes=1)).fill_null(True))
    cell = pl.col("start_time").dt.truncate("15m").alias("cell")
    counted = events.group_by("camera_id", cell).agg(events=pl.len(), independent=pl.col("independent").sum())
    due = _scan(files, "expected").select(
        "camera_id", cell=pl.datetime_ranges("start_time", "end_time", "15m", closed="left")
    )
    recorded = _scan(files, "recorded").select("camera_id", "seconds", cell="cell_start")
    rows = due.explode("cell").join(counted, how="left", on=["camera_id", "cell"])
    rows = rows.join(recorded, how="left", on=["camera_id", "cell"])
    return (
        _local_hours(rows, files)
        .group_by("camera_id", "hour", "utc_offset")
        .agg(
            pl.col("events", "independent").sum().cast(pl.Int64),
            recorded_hours=pl.col("seconds").sum() / 3600,
            expected_hours=pl.len() / 4,
        )
        .collect()
    )


def detections_polars(files: Files) -> pl.DataFrame:
    boxes = _right(_scan(files, "detected_objects"), files, "event_id")
    cell = pl.col("event_time").dt.truncate("15m").alias("cell")
    objects = boxes.group_by("camera_id", "label", cell, "event_id", pl.coalesce("track_id", "id").alias("object")).agg(
        boxes=pl.len(), confidence=pl.col("confidence").max()
    )
    counted = objects.group_by("camera_id", "label", "cell").agg(
        objects=pl.len(), boxes=pl.col("boxes").sum(), confidence=pl.col("confidence").max()
    )
    summed = (
        _local_hours(counted, files)
        .group_by("camera_id", "label", "hour", "utc_offset")
        .agg(pl.col("objects", "boxes").sum().cast(pl.Int64), best_confidence=pl.col("confidence").max())
    )
    recorded = _scan(files, "recorded").select("camera_id", "seconds", cell="cell_start")
    effort = (
        _local_hours(recorded, files)
        .group_by("camera_id", "hour", "utc_offset")
        .agg(recorded_hours=pl.col("seconds").sum() / 3600)
    )
    joined = summed.join(effort, how="left", on=["camera_id", "hour", "utc_offset"])
    return joined.with_columns(pl.col("recorded_hours").fill_null(0)).collect()


def heatmap_polars(files: Files) -> pl.DataFrame:
    sides = ["x", "y", "width", "height", "frame_width", "frame_height"]
    boxes = _right(_scan(files, "detected_objects"), files, "event_id").drop_nulls(sides)
    wide, high = pl.col("frame_width").cast(pl.Float64), pl.col("frame_height").cast(pl.Float64)
    foot = (pl.col("x").clip(0, wide) + (pl.col("x") + pl.col("width")).clip(0, wide)) / 2
    column = (foot * 32 / wide).floor().cast(pl.Int64).clip(upper_bound=31).alias("column")
    bottom = (pl.col("y") + pl.col("height")).clip(0, high)
    row = (bottom * 18 / high).floor().cast(pl.Int64).clip(upper_bound=17).alias("row")
    objects = boxes.group_by("camera_id", column, row, "event_id", pl.coalesce("track_id", "id").alias("object")).len()
    counted = objects.group_by("camera_id", "row", "column").agg(objects=pl.len(), boxes=pl.col("len").sum())
    return counted.with_columns(pl.col("objects", "boxes").cast(pl.Int64)).collect()


def storage_polars(files: Files) -> pl.DataFrame:
    segments = _scan(files, "segments").select(
        "camera_id", "codec", "file_size", "end_time", "start_time", cell="start_time"
    )
    length = (pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds()
    grouped = _local_hours(segments, files).group_by("camera_id", "day", "codec")
    return grouped.agg(
        segments=pl.len().cast(pl.Int64), bytes=pl.col("file_size").sum(), hours=length.sum() / 3_600_000
    ).collect()


def coverage_polars(files: Files) -> pl.DataFrame:
    due = _scan(files, "expected")
    spans = ["camera_id", "start_time", "end_time"]
    segments = _scan(files, "segments").filter(~pl.col("missing")).select(spans)
    rows = pl.concat([segments, due.select("camera_id", start_time="end_time", end_time="end_time")]).sort(spans)
    first = due.group_by("camera_id").agg(first=pl.col("start_time").min())
    before = pl.col("end_time").cum_max().shift().over("camera_id")
    rows = rows.join(first, on="camera_id", maintain_order="left").with_columns(
        reached=pl.coalesce(before, pl.col("first"))
    )
    hole = (pl.col("start_time") - pl.col("reached")).dt.total_milliseconds().clip(0)
    covered = (pl.col("end_time") - pl.max_horizontal("start_time", "reached")).dt.total_milliseconds().clip(0)
    return (
        rows.group_by("camera_id")
        .agg(
            missing_seconds=hole.sum() / 1000,
            recorded_seconds=covered.sum() / 1000,
            gaps=(hole >= 1000).sum().cast(pl.Int64),
        )
        .with_columns(expected_seconds=pl.col("missing_seconds") + pl.col("recorded_seconds"))
        .collect()
    )


BY_POLARS: Mapping[str, Callable[[Files], pl.DataFrame]] = {
    "activity": activity_polars,
    "detections": detections_polars,
    "spatial_heatmap": heatmap_polars,
    "storage": storage_polars,
    "coverage": coverage_polars,
}
