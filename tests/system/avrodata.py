# SPDX-License-Identifier: BSD-2-Clause
"""Reads Avro: values of its binary encoding, its JSON encoding, container files. What is read is read again by Apache's own library (Debian's
python3-avro) or by fastavro where one of them is there, and both have to say the same."""
import io
import json
import struct

try:
    import fastavro
except ImportError:
    fastavro = None
try:
    import avro.datafile
    import avro.io
    import avro.schema
except ImportError:
    avro = None

READER = "fastavro" if fastavro else "python3-avro" if avro else "the tests' own reader alone"


class Reader:
    """Avro 1.11, "Binary Encoding"; whatever is wrong raises."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, octets):
        if octets < 0 or self.at + octets > len(self.data):
            raise ValueError(f"{octets} octets at {self.at} of {len(self.data)}")
        self.at += octets
        return self.data[self.at - octets:self.at]

    def long(self):
        value = shift = 0
        while True:
            octet = self.take(1)[0]
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift > 63:
                raise ValueError("a number of more than ten octets")

    def blocks(self):
        while count := self.long():
            if count < 0:
                count, _ = -count, self.long()
            yield from range(count)

    def value(self, schema):
        if isinstance(schema, list):
            return self.value(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, (dict, list)):
            return self.value(kind)
        if kind == "record":
            return {f["name"]: self.value(f["type"]) for f in schema["fields"]}
        if kind == "array":
            return [self.value(schema["items"]) for _ in self.blocks()]
        if kind == "map":
            return {self.value("string"): self.value(schema["values"]) for _ in self.blocks()}
        simple = {"null": lambda: None, "long": self.long, "int": self.long, "double": lambda: struct.unpack("<d", self.take(8))[0],
                  "string": lambda: self.take(self.long()).decode(), "bytes": lambda: self.take(self.long())}
        return simple[kind]()


def records(data, schema):
    """The records in some octets, as many as there are."""
    reader, found = Reader(data), []
    while reader.at < len(data):
        found.append(reader.value(schema))
    assert found == peer(data, schema, found), "another library reads something else"
    return found


def peer(data, schema, found):
    """The same with somebody else's library, where there is one."""
    stream = io.BytesIO(data)
    if fastavro:
        parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
        found = [fastavro.schemaless_reader(stream, parsed, None) for _ in found]
    elif avro:
        reader, decoder = avro.io.DatumReader(avro.schema.parse(json.dumps(schema))), avro.io.BinaryDecoder(stream)
        found = [reader.read(decoder) for _ in found]
    else:
        return found
    assert not stream.read(1), "another library leaves octets over"
    return found


def container(path):
    """(schema, records) of a container file."""
    data = path.read_bytes()
    reader = Reader(data)
    assert reader.take(4) == b"Obj\x01"
    meta = reader.value({"type": "map", "values": "bytes"})
    sync, schema, found = reader.take(16), json.loads(meta["avro.schema"]), []
    while reader.at < len(data):
        count, block = reader.long(), reader.take(reader.long())
        more = records(block, schema)
        assert len(more) == count and reader.take(16) == sync
        found += more
    with path.open("rb") as f:
        if fastavro:
            assert list(fastavro.reader(f)) == found
        elif avro:
            assert list(avro.datafile.DataFileReader(f, avro.io.DatumReader())) == found
    return schema, found


def untag(value, schema):
    """A value of the JSON encoding as Python has it; unions say which type they are."""
    if isinstance(schema, list):
        if value is None:
            return None
        (name, inner), = value.items()
        assert name in schema and name != "null"
        return untag(inner, name)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        assert list(value) == [f["name"] for f in schema["fields"]], "members are not those of the schema, in its order"
        return {f["name"]: untag(value[f["name"]], f["type"]) for f in schema["fields"]}
    if isinstance(kind, (dict, list)):
        return untag(value, kind)
    types = {"long": int, "int": int, "string": str, "double": float, "array": list, "map": dict}
    assert type(value) is types[kind], f"{value!r} is no {kind}"
    return value


def flat(record):
    """A record as the JSON output has it: no nulls, primitives of the site beside the others."""
    return {**{k: v for k, v in record.items() if v is not None and k != "custom_primitives"}, **record.get("custom_primitives", {})}
