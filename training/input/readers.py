"""Views over files. The one module with SQL of its own: Ibis has no word for these readers' options.

Names and texts in it are quoted by `_name` and `_text`: what the linter suspects are paths and columns of files.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from training.input.engine import reading
from training.input.files import InputFile

FILE, ROW = "_file", "_row"
MAX_LINE_BYTES = 16 << 20
KEPT_CHARACTERS = 1000
BROKEN = "json IS NULL OR json_type(json) <> 'OBJECT'"


@dataclass(frozen=True)
class OpenedRows:
    """Rows of files that are laid out alike.

    `table` has the wanted columns, all text unless Parquet types them, `_file` (the path as given) and, for Parquet,
    `_row` (from 0). For CSV, the records that could not be split into cells are in the table `refused`, once the view
    has been read: exactly once, since each reading adds them anew.
    """

    table: ir.Table
    files: tuple[InputFile, ...]
    refused: str | None = None


def open_rows(engine: Backend, name: str, files: Sequence[InputFile], columns: Mapping[str, str]) -> OpenedRows:
    """A view `name` over files of one layout, with the file's column `columns[c]` as column c."""
    first = files[0]
    paths = _paths(files)
    refused = None
    if first.kind == "parquet":
        types = dict(zip(first.columns, first.types, strict=True))
        chosen = [f"{_parquet_cell(column, types[column])} AS {_name(c)}" for c, column in columns.items()]
        source = f"read_parquet({paths}, filename = {_text(FILE)}, file_row_number = true, binary_as_string = true)"
        chosen += [_name(FILE), f"file_row_number AS {_name(ROW)}"]
    elif first.kind == "json":
        chosen = [f"{_json_text(column)} AS {_name(c)}" for c, column in columns.items()]
        chosen += [f"{BROKEN} AS _broken", _name(FILE)]
        source = _json_source(first, paths)
    else:
        refused = f"{name}_refused"
        chosen = [f"c{first.columns.index(column)} AS {_name(c)}" for c, column in columns.items()] + [_name(FILE)]
        cells = "{" + ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(first.columns))) + "}"
        source = (
            f"read_csv({paths}, auto_detect = false, header = true, skip = {first.blank_lines}, "
            f"delim = {_text(first.separator)}, quote = '\"', "
            f"escape = '\"', columns = {cells}, filename = {_text(FILE)}, compression = {_text(first.compression)}, "
            f"max_line_size = {MAX_LINE_BYTES}, store_rejects = true, rejects_table = {_text(refused)}, "
            f"rejects_scan = {_text(refused + '_scan')}, rejects_limit = 0)"
        )
    with reading(str(first.path) if len(files) == 1 else f"{first.path} and {len(files) - 1} files like it"):
        engine.raw_sql(f"CREATE OR REPLACE VIEW {_name(name)} AS SELECT {', '.join(chosen)} FROM {source}")  # noqa: S608
        return OpenedRows(engine.table(name), tuple(files), refused)


def open_objects(engine: Backend, name: str, files: Sequence[InputFile], fields: Sequence[str]) -> ir.Table:
    """A view `name` with one JSON object a row, `json`, `broken` (true where the line is none), and `_file`.

    Parquet rows become objects of their columns `fields`, as far as the files have them.
    """
    first = files[0]
    paths = _paths(files)
    with reading(str(first.path)):
        if first.kind == "parquet":
            kept = ", ".join(f"{_name(field)} := {_name(field)}" for field in fields if field in first.columns)
            chosen = f"to_json(struct_pack({kept})) AS json"
            source = f"read_parquet({paths}, filename = {_text(FILE)}, binary_as_string = true)"
        else:
            chosen, source = "json", _json_source(first, paths)
        chosen += f", {BROKEN} AS broken" if first.kind == "json" else ", false AS broken"
        engine.raw_sql(f"CREATE OR REPLACE VIEW {_name(name)} AS SELECT {chosen}, {_name(FILE)} FROM {source}")  # noqa: S608
        return engine.table(name)


def refused_records(engine: Backend, refused: str) -> ir.Table:
    """CSV records that could not be split into cells: `_file`, `byte` (where it starts), `kind`, `detail`, `text`."""
    name = f"{refused}_rows"
    engine.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE {_name(name)} AS "  # noqa: S608
        f"SELECT s.file_path AS {_name(FILE)}, r.line_byte_position AS byte, min(r.error_type::VARCHAR) AS kind, "
        f"min(r.error_message) AS detail, left(min(ltrim(r.csv_line, chr(10) || chr(13))), {KEPT_CHARACTERS}) AS text "
        f"FROM {_name(refused)} r JOIN {_name(refused + '_scan')} s USING (scan_id, file_id) GROUP BY ALL"
    )
    return engine.table(name, database=("temp", "main"))


def _json_source(first: InputFile, paths: str) -> str:
    layout = "'array'" if first.is_array else "'newline_delimited', ignore_errors = true"
    return (
        f"read_json_objects({paths}, format = {layout}, filename = {_text(FILE)}, "
        f"compression = {_text(first.compression)}, maximum_object_size = {MAX_LINE_BYTES})"
    )


def _json_text(key: str) -> str:
    """A JSON value as text; a number that is whole loses its '.0', so that 900.0 is the id '900'."""
    path = _text('$."' + key.replace('"', '\\"') + '"')
    return (
        f"CASE WHEN json_type(json, {path}) = 'DOUBLE' THEN regexp_replace(json ->> {path}, '\\.0+$', '') "
        f"ELSE json ->> {path} END"
    )


def _parquet_cell(column: str, kind: str) -> str:
    """The column, as text where all of it is null and it has no type of its own."""
    return f"CAST({_name(column)} AS VARCHAR)" if kind == "null" else _name(column)


def _paths(files: Sequence[InputFile]) -> str:
    """The files as a list for a reader, which would take a name with * or [ for a pattern."""
    return "[" + ", ".join(_text(glob.escape(str(file.path))) for file in files) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
