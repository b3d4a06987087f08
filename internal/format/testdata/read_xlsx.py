"""Reads workbooks for the tests, knowing nothing of the writer.

A line of JSON in, {"path"}; a line of JSON out, {"sheets": [...]} or {"error": "..."}.
A sheet is {"name", "rows", "frozen", "filter", "widths"}; a row is a list of cells.
A cell is null, or {"t": type, "v": text, "f": number format}: the text is that of
the file, digit for digit, with its escapes undone. What openpyxl makes of the same
cells is compared with it on the way.
"""

import datetime
import decimal
import json
import re
import sys
import zipfile
from xml.etree import ElementTree

import openpyxl

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


def unescape(text):
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m.group(1), 16)), text)


def column_number(ref):
    n = 0
    for letter in re.match("[A-Z]+", ref).group():
        n = n * 26 + ord(letter) - 64
    return n


def formats(archive):
    root = ElementTree.fromstring(archive.read("xl/styles.xml"))
    known = {0: "General", 1: "0", 49: "@"}
    for f in root.iter(MAIN + "numFmt"):
        known[int(f.get("numFmtId"))] = f.get("formatCode")
    return [(known[int(x.get("numFmtId"))], x.get("fontId") == "1") for x in root.find(MAIN + "cellXfs")]


def cell_text(c):
    if c.get("t") == "inlineStr":
        return unescape("".join(t.text or "" for t in c.iter(MAIN + "t")))
    text = c.find(MAIN + "v").text
    return unescape(text) if c.get("t") == "str" else text


def read_sheet(archive, path, name, styles):
    sheet = {"name": name, "rows": [], "frozen": "", "filter": "", "widths": 0}
    last = 0
    for _, e in ElementTree.iterparse(archive.open(path)):
        if e.tag == MAIN + "pane":
            sheet["frozen"] = e.get("topLeftCell")
        elif e.tag == MAIN + "autoFilter":
            sheet["filter"] = e.get("ref")
        elif e.tag == MAIN + "cols":
            sheet["widths"] = len(e)
        elif e.tag == MAIN + "row":
            number = int(e.get("r"))
            if number != last + 1:
                raise ValueError("row %d follows row %d" % (number, last))
            last = number
            row = []
            for c in e:
                at = column_number(c.get("r"))
                if c.get("r") != re.match("[A-Z]+", c.get("r")).group() + str(number) or at <= len(row):
                    raise ValueError("cell %s in row %d" % (c.get("r"), number))
                row += [None] * (at - 1 - len(row))
                format, bold = styles[int(c.get("s", "0"))]
                row.append({"t": c.get("t", "n"), "v": cell_text(c), "f": format, "b": bold})
            sheet["rows"].append(row)
            e.clear()
    return sheet


def same(cell, value):
    """Whether openpyxl found the same in a cell."""
    if cell is None:
        return value is None
    kind, text = cell["t"], cell["v"]
    if kind in ("str", "inlineStr"):
        return unescape(value or "") == text
    if kind == "b":
        return value is (text == "1")
    if isinstance(value, datetime.datetime):
        days = (value - datetime.datetime(1899, 12, 30)) / datetime.timedelta(days=1)
        return abs(days - float(text)) < 1.0 / 86400 / 1000
    if isinstance(value, float):
        return decimal.Decimal(repr(value)) == decimal.Decimal(text) or value == float(text)
    return isinstance(value, int) and value == decimal.Decimal(text)


def read(request):
    archive = zipfile.ZipFile(request["path"])
    bad = archive.testzip()
    if bad:
        raise ValueError("damaged: " + bad)
    styles = formats(archive)
    targets = {r.get("Id"): r.get("Target") for r in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))}
    book = openpyxl.load_workbook(request["path"])
    sheets = []
    for s in ElementTree.fromstring(archive.read("xl/workbook.xml")).find(MAIN + "sheets"):
        sheet = read_sheet(archive, "xl/" + targets[s.get(REL + "id")], s.get("name"), styles)
        usual = book[s.get("name")]
        for number, row in enumerate(sheet["rows"], 1):
            for c in range(len(row)):
                value = usual.cell(number, c + 1).value
                if not same(row[c], value):
                    raise ValueError("openpyxl reads %r where the file has %r" % (value, row[c]))
        if usual.max_row > max(1, len(sheet["rows"])):
            raise ValueError("openpyxl finds %d rows" % usual.max_row)
        sheets.append(sheet)
    return sheets


for line in sys.stdin:
    try:
        answer = {"sheets": read(json.loads(line))}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)
