/* csv.h: rows out of a CSV file in memory (RFC 4180, read generously). No memory beyond the caller's arena.
 *
 * Separator `,` `;` or tab; line ends LF, CRLF or CR; UTF-8 with or without byte order mark, else Windows-1252, which
 * is what spreadsheets write. A row that cannot be read is reported as bad, and reading continues at the line after
 * the one it began on, so one forgotten quote costs its row and not the rest of the file. */
#ifndef PARLEY_KNOWLEDGE_CSV_H
#define PARLEY_KNOWLEDGE_CSV_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

#define CSV_FIELDS_MAX 64 /* columns of a row (count) */

struct csv {
    struct str in;
    size_t at; /* bytes read */
    char separator;
    bool windows1252;
    int64_t row; /* of the row read last; the first is 1 */
};
struct csv_row {
    struct str fields[CSV_FIELDS_MAX]; /* UTF-8, untrimmed, in the arena or borrowed from the file */
    size_t n;
};
enum csv_result { CSV_ROW, CSV_BAD, CSV_END, CSV_NOMEM };

/* ERR_INVALID code csv_encoding for UTF-16. Sniffs encoding and, from the first row, the separator. The file must
 * outlive c. */
enum status csv_open(struct csv *c, struct str file, struct err *e);
/* Empty lines are passed over. With CSV_BAD *code is one of quote_unclosed quote_misplaced field_too_long
 * too_many_fields nul encoding, and *words says it in a sentence. */
enum csv_result csv_next(struct csv *c, struct arena *a, struct csv_row *row, const char **code, const char **words);

#endif
