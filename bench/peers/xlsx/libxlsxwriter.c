//go:build libxlsxwriter

#include "libxlsxwriter.h"

#include <string.h>

int peer_open(peer *p, const char *path) {
  // Rows go to a temporary file as soon as they are complete.
  lxw_workbook_options options = {.constant_memory = LXW_TRUE};
  p->workbook = workbook_new_opt(path, &options);
  if (!p->workbook) return LXW_ERROR_MEMORY_MALLOC_FAILED;
  p->sheet = workbook_add_worksheet(p->workbook, NULL);
  p->bold = workbook_add_format(p->workbook);
  format_set_bold(p->bold);
  worksheet_freeze_panes(p->sheet, 1, 0);
  p->row = 1;
  return p->sheet ? LXW_NO_ERROR : LXW_ERROR_MEMORY_MALLOC_FAILED;
}

lxw_format *peer_format(peer *p, const char *number_format) {
  lxw_format *format = workbook_add_format(p->workbook);
  format_set_num_format(format, number_format);
  return format;
}

int peer_header(peer *p, int column, const char *name) {
  return worksheet_write_string(p->sheet, 0, column, name, p->bold);
}

// Words lie column by column: the bits of a double, 0 or 1, or where in texts a
// string starts that ends with a zero.
int peer_rows(peer *p, const peer_column *columns, int n, int rows, const uint64_t *words, const uint8_t *nulls, const char *texts) {
  for (int r = 0; r < rows; r++, p->row++) {
    for (int c = 0; c < n; c++) {
      size_t at = (size_t)c * rows + r;
      if (nulls[at]) continue;
      lxw_error err;
      double number;
      switch (columns[c].kind) {
      case peer_text:
        err = worksheet_write_string(p->sheet, p->row, c, texts + words[at], columns[c].format);
        break;
      case peer_bool:
        err = worksheet_write_boolean(p->sheet, p->row, c, (int)words[at], columns[c].format);
        break;
      default:
        memcpy(&number, &words[at], sizeof number);
        err = worksheet_write_number(p->sheet, p->row, c, number, columns[c].format);
      }
      if (err != LXW_NO_ERROR) return err;
    }
  }
  return LXW_NO_ERROR;
}

int peer_close(peer *p, int columns) {
  worksheet_autofilter(p->sheet, 0, 0, p->row - 1, columns - 1);
  return workbook_close(p->workbook);
}
