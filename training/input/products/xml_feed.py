"""RSS 2.0 and Atom feeds, parsed as a stream; a document type, and with it every entity, is refused."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.parsers import expat

import pyarrow as pa
import pyarrow.parquet

from models.errors import InputError
from training.input.files import InputFile, open_bytes

ITEM_NAMES = ("item", "entry")
BATCH_ITEMS = 10_000
BLOCK_BYTES = 1 << 16
GOOGLE = "http://base.google.com/ns/1.0"


class _ItemParser:
    """Collects each item's direct children; of an attribute given twice the first in Google's name space counts."""

    def __init__(self, place: str, attributes: Sequence[str]) -> None:
        self.items: list[dict[str, str]] = []
        self._place = place
        self._attributes = frozenset(attributes)
        self._depth = 0
        self._item_depth = 0
        self._item: dict[str, str] = {}
        self._sure: set[str] = set()
        self._text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._text.clear()
        if not self._item_depth and name.rpartition(" ")[2] in ITEM_NAMES:
            self._item_depth = self._depth
            self._item = {}
            self._sure = set()
        elif self._depth == self._item_depth + 1 and name.endswith(" link") and "href" in attributes:
            self._item.setdefault("link", attributes["href"])

    def _end(self, name: str) -> None:
        if self._item_depth and self._depth == self._item_depth + 1:
            space, _, local = name.rpartition(" ")
            attribute = local.lower()
            text = "".join(self._text).strip()
            if text and attribute in self._attributes and attribute not in self._sure:
                if space == GOOGLE:
                    self._sure.add(attribute)
                    self._item[attribute] = text
                else:
                    self._item.setdefault(attribute, text)
        elif self._item_depth == self._depth:
            self.items.append(self._item)
            self._item_depth = 0
        self._text.clear()
        self._depth -= 1

    def _refuse(self, *_: object) -> None:
        raise InputError(f"{self._place}: has a document type (DOCTYPE); feeds have none, and it is refused for safety")


def xml_to_parquet(file: InputFile, path: Path, attributes: Sequence[str]) -> None:
    """Write a feed's items as a Parquet file of texts, one column an attribute.

    Raises InputError with line and column.
    """
    schema = pa.schema([(name, pa.string()) for name in attributes])
    collected = _ItemParser(str(file.path), attributes)
    path.parent.mkdir(parents=True, exist_ok=True)
    n_items = 0
    with open_bytes(file.path, file.compression) as stream, pyarrow.parquet.ParquetWriter(path, schema) as writer:
        try:
            while block := stream.read(BLOCK_BYTES):
                collected.parser.Parse(block, False)
                if len(collected.items) >= BATCH_ITEMS:
                    n_items += _write(writer, collected.items, schema)
            collected.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise InputError(
                f"{file.path}:{error.lineno}: is not well-formed XML "
                f"({expat.ErrorString(error.code)}, column {error.offset + 1})"
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{file.path}: the file is cut off or damaged ({error})") from None
        n_items += _write(writer, collected.items, schema)
    if not n_items:
        raise InputError(f"{file.path}: has no <item>; expected an RSS 2.0 feed")


def _write(writer: pyarrow.parquet.ParquetWriter, items: list[dict[str, str]], schema: pa.Schema) -> int:
    writer.write_table(pa.Table.from_pylist(items, schema=schema))
    written = len(items)
    items.clear()
    return written
