"""Reads a report for the tests, knowing nothing of the writers.

A line of JSON in, {"format", "path", "titles" (of the wanted columns)}; a line of
JSON out, {"rows": [...]} or {"error": "..."}. A cell is its text as it stands in the
file, numbers digit for digit, or null where there is none.

Workbooks are read as they lie, part by part: openpyxl would make doubles of the
numbers, and needs ten times as long. That it finds the same is tested where the
workbooks are written.
"""

import json
import re
import sys
import zipfile
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def xml_rows(path, wanted):
    at = {title: i for i, title in enumerate(wanted)}
    for _, e in ElementTree.iterparse(path):
        if e.tag == "record":
            row = [None] * len(wanted)
            for cell in e:
                if cell.tag in at:
                    row[at[cell.tag]] = cell.text or ""
            yield row
            e.clear()


def utf16_rows(path):
    """By RFC 4180, with tabs: what is empty without quotes is null."""
    with open(path, "rb") as f:
        text = f.read().decode("utf-16")
    row, end = [], 0
    for m in re.finditer(r'(?:"((?:[^"]|"")*)"|([^"\t\r\n]*))(\t|\r\n)', text):
        if m.start() != end:
            break
        end = m.end()
        quoted, plain, mark = m.groups()
        row.append(quoted.replace('""', '"') if quoted is not None else plain or None)
        if mark != "\t":
            yield row
            row = []
    if end != len(text) or row:
        raise ValueError("%d of %d characters make sense" % (end, len(text)))


def number(ref):
    n = 0
    for letter in ref.rstrip("0123456789"):
        n = n * 26 + ord(letter) - 64
    return n


def text(cell):
    if cell.get("t") == "inlineStr":
        found = "".join(t.text or "" for t in cell.iter(MAIN + "t"))
    else:
        found = cell.find(MAIN + "v").text or ""
    if cell.get("t") in ("inlineStr", "str"):
        found = re.sub("_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m.group(1), 16)), found)
    return found


def xlsx_rows(path):
    """The rows of the first sheet; reports of the tests have no second."""
    with zipfile.ZipFile(path) as archive, archive.open("xl/worksheets/sheet1.xml") as sheet:
        for _, e in ElementTree.iterparse(sheet):
            if e.tag == MAIN + "row":
                row = []
                for cell in e:
                    row += [None] * (number(cell.get("r")) - 1 - len(row))
                    row.append(text(cell))
                yield row
                e.clear()


def pick(rows, wanted):
    titles = next(rows)
    at = [titles.index(title) for title in wanted]
    for row in rows:
        row += [None] * (len(titles) - len(row))
        yield [row[i] for i in at]


def read(format, path, titles):
    if format == "xml":
        return list(xml_rows(path, titles))
    rows = {"utf16": utf16_rows, "xlsx": xlsx_rows}[format](path)
    return list(pick(rows, titles))


for line in sys.stdin:
    try:
        answer = {"rows": read(**json.loads(line))}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)
