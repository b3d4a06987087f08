// The peer in C: what libxlsxwriter is given of a batch.

#include <stddef.h>
#include <stdint.h>
#include <xlsxwriter.h>

enum { peer_text, peer_number, peer_bool };

typedef struct {
  lxw_workbook *workbook;
  lxw_worksheet *sheet;
  lxw_format *bold;
  lxw_row_t row;
} peer;

typedef struct {
  int kind;
  lxw_format *format;
} peer_column;

int peer_open(peer *p, const char *path);
lxw_format *peer_format(peer *p, const char *number_format);
int peer_header(peer *p, int column, const char *name);
int peer_rows(peer *p, const peer_column *columns, int n, int rows, const uint64_t *words, const uint8_t *nulls, const char *texts);
int peer_close(peer *p, int columns);
