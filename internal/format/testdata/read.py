"""Reads CSV, TSV, JSON, NDJSON and XML for the tests, knowing nothing of the writers.

A line of JSON in, {"format", "delimiter", "bom", "data" (base64)}; a line of JSON
out, {"rows": [...]} or {"error": "..."}.

A CSV row is a list of fields: null where nothing stands between delimiters, else
its text; utf16 is CSV in UTF-16. A JSON value is {"n": digits}, {"s": text},
{"b": bool}, null, a list, or {"o": [[name, value], ...]}. An XML row is a list of
[name, text].
"""

import base64
import csv
import io
import json
import sys
import xml.etree.ElementTree


class Number(str):
    """The digits of a number as they stand in the file."""


def strict_csv(text, delimiter):
    """Reads by RFC 4180 and nothing else, and keeps who was quoted."""
    rows, row, i = [], [], 0
    while i < len(text):
        if text[i] == '"':
            field, i = [], i + 1
            while True:
                end = text.index('"', i)
                field.append(text[i:end])
                i = end + 1
                if i < len(text) and text[i] == '"':
                    field.append('"')
                    i += 1
                    continue
                break
            row.append("".join(field))
        else:
            start = i
            while i < len(text) and text[i] != delimiter and text[i] != "\r":
                if text[i] in '"\n':
                    raise ValueError("%r in a field without quotes at %d" % (text[i], i))
                i += 1
            row.append(text[start:i] if i > start else None)
        if text[i : i + 1] == delimiter:
            i += 1
            if text[i : i + 2] == "\r\n":  # the last field is empty
                row.append(None)
                i += 2
                rows.append(row)
                row = []
        elif text[i : i + 2] == "\r\n":
            i += 2
            rows.append(row)
            row = []
        else:
            raise ValueError("no delimiter or line end at %d" % i)
    if row:
        raise ValueError("the last line does not end")
    return rows


def read_csv(data, delimiter, bom, encoding):
    text = data.decode(encoding)
    if text.startswith("\ufeff") != bom:
        raise ValueError("byte order mark")
    text = text[1:] if bom else text
    rows = strict_csv(text, delimiter)
    usual = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    if usual != [[field or "" for field in row] for row in rows]:
        raise ValueError("Python's csv reads %r" % usual)
    return rows


def tagged(v):
    if isinstance(v, Number):
        return {"n": v}
    if isinstance(v, str):
        return {"s": v}
    if isinstance(v, bool):
        return {"b": v}
    if isinstance(v, tuple):
        return {"o": [[k, tagged(x)] for k, x in v]}
    if isinstance(v, list):
        return [tagged(x) for x in v]
    return v


def no_constant(name):
    raise ValueError(name + " is not JSON")


def loads(text):
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=no_constant, object_pairs_hook=tuple)


def read_json(data):
    text = data.decode("utf-8")
    rows = loads(text)
    if len(text.splitlines()) != len(rows) + 2:
        raise ValueError("not one row a line")
    return [tagged(row) for row in rows]


def read_ndjson(data):
    text = data.decode("utf-8")
    if text and not text.endswith("\n"):
        raise ValueError("the last line does not end")
    return [tagged(loads(line)) for line in text.splitlines()]


def read_xml(data):
    report = xml.etree.ElementTree.fromstring(data)
    if report.tag != "report" or report.attrib or report.tail or report.text != "\n":
        raise ValueError("not a report")
    rows = []
    for record in report:
        if record.tag != "record" or record.attrib or record.text or record.tail != "\n":
            raise ValueError("not a record on lines of its own")
        for cell in record:
            if len(cell) or cell.attrib or cell.tail:
                raise ValueError("not a cell: %r" % cell)
        rows.append([[cell.tag, cell.text or ""] for cell in record])
    return rows


def read(request):
    data = base64.b64decode(request["data"])
    if request["format"] == "csv":
        return read_csv(data, request["delimiter"], request["bom"], "utf-8")
    if request["format"] == "utf16":
        return read_csv(data, request["delimiter"], request["bom"], "utf-16-le")
    return {"json": read_json, "ndjson": read_ndjson, "xml": read_xml}[request["format"]](data)


for line in sys.stdin:
    try:
        answer = {"rows": read(json.loads(line))}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)
