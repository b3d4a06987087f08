"""Compares the first sheets of two workbooks value by value, and prints the rows.

Both are read by openpyxl, which makes dates of numbers by their formats. It keeps
milliseconds, and two numbers that mean the same microsecond may be rounded to
milliseconds that are neighbours.
"""

import datetime
import itertools
import sys

import openpyxl

CLOSE = datetime.timedelta(milliseconds=1)


def rows(path):
    book = openpyxl.load_workbook(path, read_only=True)
    sheet = book[book.sheetnames[0]]
    sheet.reset_dimensions()  # what a file says of them is not always so
    return sheet.iter_rows(values_only=True)


def moment(value):
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def same(a, b):
    if a == b:
        return isinstance(a, bool) == isinstance(b, bool)
    a, b = moment(a), moment(b)
    return isinstance(a, datetime.datetime) and isinstance(b, datetime.datetime) and abs(a - b) <= CLOSE


def trimmed(row):
    """A row without the empty cells at its end: a file may leave them out."""
    row = list(row)
    while row and row[-1] is None:
        row.pop()
    return row


count = 0
for count, (a, b) in enumerate(itertools.zip_longest(rows(sys.argv[1]), rows(sys.argv[2]))):
    if a is None or b is None:
        sys.exit(f"one file ends after {count} rows")
    a, b = trimmed(a), trimmed(b)
    if len(a) != len(b):
        sys.exit(f"row {count}: {len(a)} cells and {len(b)}")
    for column, pair in enumerate(zip(a, b), 1):
        if not same(*pair):
            sys.exit(f"row {count}, column {column}: {pair[0]!r} and {pair[1]!r}")
print(count)
