/* file.h: reading a whole file into memory. Thread safe. */
#ifndef PARLEY_BASE_FILE_H
#define PARLEY_BASE_FILE_H

#include "base/buf.h"

/* Append everything that `fd` gives until its end. Returns 0, or the errno of the failure: EFBIG when there is more
 * than the buffer's maximum, ENOMEM without memory. After a failure the buffer holds a part and must not be used. */
int file_read_fd(int fd, struct buf *out);
/* The same for the file at `path`. */
int file_read(const char *path, struct buf *out);

#endif
