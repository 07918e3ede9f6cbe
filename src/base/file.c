/* file.c: the one loop that reads a file to its end.
 *
 * The size is not asked for in advance: a file may grow while it is read, and a pipe has none. The maximum of the
 * buffer is the only bound. Errors are errno values, because each caller words them for a reader of its own. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/banned.h"

#define READ_BYTES 8192

int file_read_fd(int fd, struct buf *out)
{
    char chunk[READ_BYTES];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return buf_ok(out) ? 0 : ENOMEM;
        buf_add(out, chunk, (size_t)n);
        if (!buf_ok(out))
            return out->full ? EFBIG : ENOMEM;
    }
}

int file_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = file_read_fd(fd, out);
    close(fd);
    return failed;
}
